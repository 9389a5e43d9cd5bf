//! The command line.

mod config;
mod user;

use std::path::PathBuf;

use auth_module::ChainHead;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use mfa_pages::Language;

pub(crate) use self::{
    config::ConfigArg,
    user::{EncodingName, GroupsArgs, ImportArgs, UserCommand},
};

#[cfg(feature = "demo")]
use crate::demo::DemoArgs;

const EXIT_STATUS: &str = "Exit status: 0 if everything was done, 1 if not, 2 if the arguments \
                           cannot be read, 130 if a second signal ended it at once.";

/// SMS one-time codes in front of any web application.
#[derive(Debug, Parser)]
#[command(name = "mfa-gateway", version, arg_required_else_help = true, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    /// The language of messages [default: that of LC_ALL, LC_MESSAGES or LANG, else English]
    #[arg(long, global = true, value_name = "LANGUAGE")]
    pub(crate) lang: Option<TextLanguage>,
    /// Allow core dumps and debuggers, which can read every secret of this process
    #[arg(long, global = true)]
    pub(crate) allow_core_dumps: bool,
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
    #[command(subcommand, after_help = user::AFTER_HELP)]
    User(UserCommand),
    /// Read, check and archive the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show the newest records
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// How many records
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: WhichRecords,
    },
    /// Write all records to the standard output, the oldest first; recorded as audit.exported
    Export {
        #[command(flatten)]
        config: ConfigArg,
        /// The form of a record
        #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
        format: ExportFormat,
        #[command(flatten)]
        which: WhichRecords,
    },
    /// Check the hash chain: exits with 1 and names the first bad record if one was changed, removed, inserted or
    /// moved
    Verify {
        #[command(flatten)]
        config: ConfigArg,
        /// The folder of `audit archive`: check the records there too
        #[arg(long, value_name = "FOLDER")]
        archive: Option<PathBuf>,
        /// A head from the log (event audit.head), as ID:HASH; can be repeated
        #[arg(long = "head", value_name = "HEAD")]
        heads: Vec<ChainHead>,
    },
    /// Move the records of sealed segments to files
    Archive {
        #[command(flatten)]
        config: ConfigArg,
        /// The folder for the files
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        /// First seal what is not sealed yet
        #[arg(long)]
        seal: bool,
    },
}

/// Which audit records to show.
#[derive(Debug, Args)]
pub(crate) struct WhichRecords {
    /// Records about this user: the login name, or the id of a removed user
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Records with this event, or of this family: `session` finds `session.opened`
    #[arg(long)]
    pub(crate) event: Option<String>,
    /// Records from this instant on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) from: Option<Timestamp>,
    /// Records before this instant (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) until: Option<Timestamp>,
}

/// The form of an exported record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values with a header line
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", required_unless_present_any = ["explain", "texts"])]
    pub(crate) config: Option<PathBuf>,
    /// Refuse a file that has warnings
    #[arg(long, requires = "config")]
    pub(crate) strict: bool,
    /// Print default, range and meaning of KEY, of all keys of a section, or of every key
    #[arg(
        long,
        value_name = "KEY",
        num_args = 0..=1,
        default_missing_value = "",
        conflicts_with = "config"
    )]
    pub(crate) explain: Option<String>,
    /// Print the built-in texts of the pages, as a start for texts of your own
    #[arg(long, value_name = "LANGUAGE", conflicts_with_all = ["config", "explain"])]
    pub(crate) texts: Option<TextLanguage>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TextLanguage {
    En,
    Ja,
}

impl TextLanguage {
    pub(crate) const fn language(self) -> Language {
        match self {
            Self::En => Language::En,
            Self::Ja => Language::Ja,
        }
    }
}

/// Parses an instant of the command line.
fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an instant; write \"2026-11-30T09:00:00+09:00\""))
}
