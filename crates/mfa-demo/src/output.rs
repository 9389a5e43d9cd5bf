//! The standard output.

use std::io::Write as _;

/// Writes to the standard output, for a person or a program that started the demo.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
