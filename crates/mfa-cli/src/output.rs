//! The standard output.

use std::io::Write as _;

use mfa_pages::Language;

use crate::language::Message;

/// Writes to the standard output: the result of a command belongs there, not in the log.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Writes a message as one line to the standard output.
pub(crate) fn tell(message: &Message, language: Language) -> anyhow::Result<()> {
    print(&format!("{}\n", message.in_language(language)))
}
