//! `mfa-gateway user …`: the arguments.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::config::ConfigArg;

pub(super) const AFTER_HELP: &str = "A change holds on a running gateway within a second. The audit \
     trail names the operating system's user who ran the command.\n\n\
     Exit status: 0 if everything was done, 1 if nothing was changed, 2 if the arguments cannot be read.";

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
    Import(ImportArgs),
    /// Show all users, numbers masked
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Show one user: number masked, groups, last login, open sessions
    Show {
        #[command(flatten)]
        user: NameArg,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Set the mobile number of a user; a login that waits for a code ends
    SetPhone {
        #[command(flatten)]
        user: NameArg,
        /// The number
        phone: String,
    },
    /// Take the mobile number of a user away; no code can be sent until another is set
    RemovePhone(NameArg),
    /// Set the password of a user, read from the standard input; all sessions of the user end
    SetPassword(NameArg),
    /// Add or remove groups of a user, or set all of them; losing one ends all sessions
    Groups(GroupsArgs),
    /// Keep a user out; all sessions of the user end
    Disable(NameArg),
    /// Let a disabled user log in again
    Enable(NameArg),
    /// End all sessions and started logins of a user
    EndSessions(NameArg),
    /// Let a user try again who is locked out of SMS codes, or of passwords in new places
    Unlock(NameArg),
    /// Delete a user and the stored personal data; the records of the audit trail stay
    Remove {
        #[command(flatten)]
        user: NameArg,
        /// Do not ask for the name again
        #[arg(long)]
        yes: bool,
    },
}

/// The configuration, and which user.
#[derive(Debug, Args)]
pub(crate) struct NameArg {
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// The user
    pub(crate) username: String,
}

#[derive(Debug, Args)]
pub(crate) struct GroupsArgs {
    #[command(flatten)]
    pub(crate) user: NameArg,
    /// A group to add; can be repeated
    #[arg(long, value_name = "GROUP", required_unless_present_any = ["remove", "set"])]
    pub(crate) add: Vec<String>,
    /// A group to remove; can be repeated
    #[arg(long, value_name = "GROUP", conflicts_with = "add")]
    pub(crate) remove: Vec<String>,
    /// All groups, separated by commas; "" for none
    #[arg(long, value_name = "GROUPS", conflicts_with_all = ["add", "remove"])]
    pub(crate) set: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// Change the known users of the file, and add the others; an empty cell changes nothing
    #[arg(long)]
    pub(crate) update: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the text is encoded, if that cannot be found out
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<EncodingName>,
    /// The file: .csv, .tsv or .txt with a header line, or .jsonl
    pub(crate) file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncodingName {
    /// UTF-8
    #[value(name = "utf-8")]
    Utf8,
    /// Shift_JIS or code page 932, as Excel in Japan writes CSV
    #[value(name = "shift_jis", aliases = ["sjis", "cp932", "shift-jis"])]
    ShiftJis,
    /// EUC-JP
    #[value(name = "euc-jp")]
    EucJp,
    /// UTF-16, least significant byte first
    #[value(name = "utf-16le")]
    Utf16Le,
    /// UTF-16, most significant byte first
    #[value(name = "utf-16be")]
    Utf16Be,
}

impl UserCommand {
    pub(crate) fn config(&self) -> &ConfigArg {
        match self {
            Self::Add { config, .. } | Self::List { config, .. } => config,
            Self::Import(import) => &import.config,
            Self::Groups(groups) => &groups.user.config,
            Self::Show { user, .. } | Self::SetPhone { user, .. } | Self::Remove { user, .. } => {
                &user.config
            }
            Self::RemovePhone(user)
            | Self::SetPassword(user)
            | Self::Disable(user)
            | Self::Enable(user)
            | Self::EndSessions(user)
            | Self::Unlock(user) => &user.config,
        }
    }
}
