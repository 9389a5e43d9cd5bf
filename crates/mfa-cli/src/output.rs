//! The standard output.

use std::io::Write as _;

/// Writes to the standard output: the result of a command belongs there, not in the log.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
