//! What is read from the standard input.

use std::io::{BufRead as _, Read as _};

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::language::Message;

/// The largest size of a line on standard input.
const MAX_INPUT_BYTES: u64 = 4096;

/// Reads a line from standard input. As an argument, the password would be visible in the process list.
pub(super) fn read_password() -> anyhow::Result<SecretString> {
    let line = first_line().context("cannot read the password")?;
    if line.is_empty() {
        bail!(Message::new(
            "no password on the standard input; try: printf %s 'the password' | \
             mfa-gateway user …",
            "標準入力にパスワードがありません。例：printf %s 'パスワード' | mfa-gateway user …",
        ));
    }
    Ok(SecretString::from(line.as_str()))
}

/// Reads the line in which the operator confirms a removal.
pub(super) fn read_confirmation() -> anyhow::Result<String> {
    let line = first_line().context("cannot read the name")?;
    Ok(line.trim().to_owned())
}

fn first_line() -> std::io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    std::io::BufReader::new(std::io::stdin().take(MAX_INPUT_BYTES)).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}
