//! The gateway's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    mfa_gateway::run()
}
