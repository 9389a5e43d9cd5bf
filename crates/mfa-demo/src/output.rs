//! The standard output.

use std::io::Write as _;

/// Writes to the standard output: the demo talks to the person or program that started it.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
