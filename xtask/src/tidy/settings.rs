//! The settings in the documents, against the gateway's sample configuration: the tables in docs/operating.md are
//! made from it, and docs/defaults.md may not claim another default.
//!
//! The sample is TOML in which a comment describes the keys after it, up to the next comment or blank line. A key that
//! is commented out shows its default, unless its description says what holds without it; in a table that is commented out
//! as a whole, one that is so twice.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};

const SAMPLE: &str = "crates/mfa-gateway/config.sample.toml";
const TABLES: &str = "docs/operating.md";
const REASONS: &str = "docs/defaults.md";
const BEGIN: &str = "<!-- settings: written by `cargo xtask settings` -->\n";
const END: &str = "<!-- end of settings -->";

/// Writes the tables anew.
///
/// # Errors
///
/// When a file cannot be read or written, or has no place for them.
pub(crate) fn write(root: &Path) -> Result<()> {
    let sample = read(root, SAMPLE)?;
    let document = read(root, TABLES)?;
    let (before, _, after) =
        split(&document).with_context(|| format!("{TABLES} has no place for the settings"))?;
    let text = format!("{before}{BEGIN}{}{END}{after}", tables(&parse(&sample)));
    fs::write(root.join(TABLES), text).context(TABLES)
}

/// Finds what the documents say otherwise than the sample.
///
/// # Errors
///
/// When a file cannot be read.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let sections = parse(&read(root, SAMPLE)?);
    let document = read(root, TABLES)?;
    let mut findings = Vec::new();
    if split(&document).is_none_or(|(_, written, _)| written != tables(&sections)) {
        findings.push(format!("{TABLES} is not what {SAMPLE} says; run `cargo xtask settings`"));
    }
    findings.extend(claims(&read(root, REASONS)?, &sections));
    Ok(findings)
}

fn read(root: &Path, name: &str) -> Result<String> {
    fs::read_to_string(root.join(name)).with_context(|| name.to_owned())
}

/// What stands before the written part, in it, and after it.
fn split(document: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (written, after) = rest.split_once(END)?;
    Some((before, written, after))
}

/// Words that say that a key has no default of its own.
const HAS_NONE: [&str; 2] = ["if left out", "None by default"];

/// One table of the sample.
#[derive(Debug, Default)]
struct Section {
    /// With its brackets, such as `[[otp.key]]`; empty for a further table of the array before it.
    header: String,
    about: String,
    is_optional: bool,
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    name: String,
    value: String,
    is_default: bool,
    about: String,
}

fn parse(sample: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut about = String::new();
    // Whether the next line of words begins a new description instead of going on with the last one.
    let mut is_described = false;
    for line in sample.lines() {
        let is_comment = line.starts_with('#');
        let content = line.strip_prefix('#').unwrap_or(line).trim();
        // A comment within a section that is one as a whole.
        let is_inner = content.starts_with('#');
        let content = content.trim_start_matches('#').trim();
        if content.is_empty() {
            about.clear();
        } else if content.starts_with('[') && content.ends_with(']') {
            let about = std::mem::take(&mut about);
            let is_known = sections.iter().any(|section| section.header == content);
            let header = if is_known { String::new() } else { content.to_owned() };
            sections.push(Section { header, about, is_optional: is_comment, keys: Vec::new() });
        } else if let (Some((name, value)), Some(section)) =
            (assignment(content), sections.last_mut())
        {
            let (name, value) = (name.to_owned(), value.to_owned());
            let is_default = is_comment
                && (is_inner || !section.is_optional)
                && !HAS_NONE.iter().any(|words| about.contains(words));
            section.keys.push(Key { name, value, is_default, about: about.clone() });
            is_described = true;
        } else if is_comment {
            if std::mem::take(&mut is_described) {
                about.clear();
            }
            if !about.is_empty() {
                about.push(' ');
            }
            about.push_str(content);
        }
    }
    merge(sections)
}

/// A second example of an array's table adds the keys that the first one lacks.
fn merge(sections: Vec<Section>) -> Vec<Section> {
    let mut merged: Vec<Section> = Vec::new();
    for section in sections {
        match merged.last_mut().filter(|_| section.header.is_empty()) {
            None => merged.push(section),
            Some(first) => {
                let new = section.keys.into_iter().filter(|key| !key.about.is_empty());
                let new: Vec<Key> =
                    new.filter(|key| first.keys.iter().all(|old| old.name != key.name)).collect();
                first.keys.extend(new);
            }
        }
    }
    merged
}

/// `key = value`, where a key is one lower-case word.
fn assignment(content: &str) -> Option<(&str, &str)> {
    let (name, value) = content.split_once(" = ")?;
    let is_key = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_key.then_some((name, value))
}

fn tables(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n### `{}`\n", section.header);
        if !section.about.is_empty() {
            let _ = writeln!(text, "{}\n", section.about);
        }
        text.push_str("| key | default | meaning |\n|---|---|---|\n");
        for key in &section.keys {
            let default = if key.is_default {
                format!("`{}`", key.value)
            } else {
                format!("none; such as `{}`", key.value)
            };
            let _ = writeln!(
                text,
                "| `{}` | {default} | {} |",
                key.name,
                key.about.replace('|', "\\|")
            );
        }
    }
    text.push('\n');
    text
}

/// Rows of the form `` | `section.key` | `default` | … `` whose key or default the sample does not have.
fn claims(document: &str, sections: &[Section]) -> Vec<String> {
    let mut defaults = BTreeMap::new();
    for section in sections {
        let table = section.header.trim_matches(['[', ']']);
        for key in &section.keys {
            defaults.insert(format!("{table}.{}", key.name), key);
        }
    }
    let mut findings = Vec::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        let (Some(name), Some(claimed)) = (cells.next(), cells.next()) else { continue };
        let name = name.trim_matches('`');
        match (
            defaults.get(name),
            claimed.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')),
        ) {
            (None, _) => findings.push(format!("{REASONS} has `{name}`, which {SAMPLE} does not")),
            (Some(key), Some(claimed)) if !key.is_default || key.value != claimed => {
                findings.push(format!(
                    "{REASONS} says `{name}` is {claimed}, but {SAMPLE} says {}",
                    key.value
                ));
            }
            _ => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "\
# The configuration.
#
# Check it.

[gateway]
# The origin
# that browsers see.
public_url = \"https://a.example\"
# Where requests arrive.
# listen = \"127.0.0.1:8080\"

# Which path needs what.
[[rule]]
# The prefix.
path = \"/\"

[[rule]]
path = \"/admin/\"
# How fresh.
max_age = \"10m\"

[limits]
# Messages in an hour and in a day.
# per_hour = 5
# per_day = 10
# Where to find help. None by default.
# support = \"https://a.example\"

# [push]
# The key.
# token = \"x\"
# # How many at once.
# # at_once = 5
";

    #[test]
    fn the_sample_becomes_tables() {
        assert_eq!(
            tables(&parse(EXAMPLE)),
            "
### `[gateway]`

| key | default | meaning |
|---|---|---|
| `public_url` | none; such as `\"https://a.example\"` | The origin that browsers see. |
| `listen` | `\"127.0.0.1:8080\"` | Where requests arrive. |

### `[[rule]]`

Which path needs what.

| key | default | meaning |
|---|---|---|
| `path` | none; such as `\"/\"` | The prefix. |
| `max_age` | none; such as `\"10m\"` | How fresh. |

### `[limits]`

| key | default | meaning |
|---|---|---|
| `per_hour` | `5` | Messages in an hour and in a day. |
| `per_day` | `10` | Messages in an hour and in a day. |
| `support` | none; such as `\"https://a.example\"` | Where to find help. None by default. |

### `[push]`

| key | default | meaning |
|---|---|---|
| `token` | none; such as `\"x\"` | The key. |
| `at_once` | `5` | How many at once. |

"
        );
    }

    #[test]
    fn a_claim_that_the_sample_does_not_bear_out_is_found() {
        let sections = parse(EXAMPLE);
        let document = "\
| key | default | reason |
|---|---|---|
| `limits.per_hour` | `5` | right |
| `limits.per_day` | `11` | wrong |
| `limits.gone` | `5` | gone |
| `gateway.public_url` | `\"x\"` | has none |
| `gateway.listen` | the loopback | not a value, so not held against one |
";
        assert_eq!(
            claims(document, &sections),
            [
                format!("{REASONS} says `limits.per_day` is 11, but {SAMPLE} says 10"),
                format!("{REASONS} has `limits.gone`, which {SAMPLE} does not"),
                format!(
                    "{REASONS} says `gateway.public_url` is \"x\", but {SAMPLE} says \"https://a.example\""
                ),
            ]
        );
    }

    #[test]
    fn the_written_part_is_found_between_its_marks() {
        let document = format!("before\n{BEGIN}middle\n{END}\nafter\n");
        assert_eq!(split(&document), Some(("before\n", "middle\n", "\nafter\n")));
        assert_eq!(split("nothing"), None);
    }
}
