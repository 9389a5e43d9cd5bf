//! `karaden`: SMS from the command line. See README.md for the commands and variables.

mod bulk;
mod commands;
mod ending;
mod follow;
mod settings;
mod show;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use crate::{
    commands::SendArguments,
    ending::Ending,
    settings::{Account, Settings},
    show::Show,
};

/// Sends SMS through Karaden. The account comes from the KARADEN_* variables; see the README
#[derive(Parser, Debug)]
#[command(name = "karaden", version)]
struct Arguments {
    /// Print one JSON object per line
    #[arg(long, global = true)]
    json: bool,
    /// Show whole phone numbers instead of their last four digits
    #[arg(long, global = true)]
    reveal: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Send or reserve a message
    Send(SendArguments),
    /// Show a message
    Status {
        /// The id that `send` printed
        id: String,
    },
    /// Wait until the delivery status of a message is final
    Wait {
        /// The id that `send` printed
        id: String,
        /// How long to wait, such as `90s` or `5m`
        #[arg(long = "for", value_name = "DURATION", value_parser = settings::duration, default_value = "5m")]
        timeout: Duration,
    },
    /// List messages
    List(commands::ListArguments),
    /// Cancel a reserved message
    Cancel {
        /// The id that `send` printed
        id: String,
    },
    /// Send a CSV file and save the result file
    Bulk {
        /// The CSV file, in the layout of your contract
        file: PathBuf,
        /// The folder for the result file; it must exist
        #[arg(long, default_value = ".")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ending = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(error.into()),
    };
    match ending {
        Ok(ending) => ending.into(),
        Err(error) => {
            // `:#` prints the causes too; none of them holds a secret, a number or a text.
            eprintln!("karaden: {error:#}");
            ending::of(&error).into()
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<Ending> {
    let show = Show { json: arguments.json, reveal: arguments.reveal };
    let account = Account::from_settings(&Settings::from_environment()?)?;
    match arguments.command {
        Command::Send(send) => commands::send(&account, send, show).await,
        Command::Status { id } => commands::status(&account, &id, show).await,
        Command::Wait { id, timeout } => commands::wait(&account, &id, timeout, show).await,
        Command::List(list) => commands::list(account.sms()?, list, show).await,
        Command::Cancel { id } => commands::cancel(account.sms()?, &id, show).await,
        Command::Bulk { file, out } => bulk::run(account.sms()?, &file, &out, show).await,
    }
}
