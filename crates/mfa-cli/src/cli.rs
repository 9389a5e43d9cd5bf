//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "demo")]
use crate::demo::DemoArgs;

/// SMS one-time codes in front of any web application.
#[derive(Debug, Parser)]
#[command(name = "mfa-gateway", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole system on this machine: gateway, SMS simulator and a sample application
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// Run the gateway
    Serve {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Validate a configuration file and report every problem, or explain the keys
    CheckConfig(CheckConfigArgs),
    /// Manage users
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArg {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", required_unless_present = "explain")]
    pub(crate) config: Option<PathBuf>,
    /// Print default, range and meaning of KEY, of all keys of a section, or of every key
    #[arg(
        long,
        value_name = "KEY",
        num_args = 0..=1,
        default_missing_value = "",
        conflicts_with = "config"
    )]
    pub(crate) explain: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the password is read from the standard input
    Add {
        #[command(flatten)]
        config: ConfigArg,
        /// The name to log in with
        username: String,
        /// The mobile number for the codes
        #[arg(long)]
        phone: Option<String>,
        /// The name shown on pages
        #[arg(long)]
        display_name: Option<String>,
        /// A group that rules may require; can be repeated
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// Import users from a CSV or JSON Lines file; if any row is invalid, none is imported
    Import {
        #[command(flatten)]
        config: ConfigArg,
        /// The file: .csv with a header line, or .jsonl
        file: PathBuf,
    },
    /// Show all users, numbers masked
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Set the mobile number of a user
    SetPhone {
        #[command(flatten)]
        config: ConfigArg,
        /// The user
        username: String,
        /// The number
        phone: String,
    },
    /// Set the password of a user, read from the standard input
    SetPassword {
        #[command(flatten)]
        config: ConfigArg,
        /// The user
        username: String,
    },
    /// Let a user who is locked out of SMS codes try again
    Unlock {
        #[command(flatten)]
        config: ConfigArg,
        /// The user
        username: String,
    },
}
