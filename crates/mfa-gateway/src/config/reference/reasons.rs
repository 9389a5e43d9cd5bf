//! Defaults and ranges in a page that gives the reasons for them.

use super::cells;
use crate::config::declaration::KeyDeclaration;

/// Replaces the second and third cell of each row that starts with the name of a key.
pub(super) fn fill_in<'k, E>(
    markdown: &str,
    find: impl Fn(&str) -> Result<&'k KeyDeclaration, E>,
) -> Result<String, E> {
    markdown.split_inclusive('\n').map(|line| fill_in_line(line, &find)).collect()
}

fn fill_in_line<'k, E>(
    line: &str,
    find: &impl Fn(&str) -> Result<&'k KeyDeclaration, E>,
) -> Result<String, E> {
    let row = line.strip_prefix("| `").and_then(|rest| {
        let (name, rest) = rest.split_once("` | ")?;
        let mut cells = rest.splitn(3, " | ");
        Some((name, cells.next()?, cells.next()?, cells.next()?))
    });
    let Some((name, _, _, reason)) = row else { return Ok(line.to_owned()) };
    let key = find(name)?;
    Ok(format!("| `{name}` | {} | {} | {reason}", cells::default(key), cells::allowed(key)))
}
