//! README.md and its Japanese twin: the same sections, the same commands.

/// Finds where the twins differ in shape.
pub(crate) fn check(english: &str, japanese: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let (ours, theirs) = (Shape::of(english), Shape::of(japanese));
    if ours.sections != theirs.sections {
        findings.push(format!(
            "README.md has sections of the levels {:?}, README.ja.md of {:?}",
            ours.sections, theirs.sections
        ));
    }
    for missing in ours.commands.iter().filter(|command| !theirs.commands.contains(command)) {
        findings.push(format!("README.ja.md lacks the line `{missing}`"));
    }
    for missing in theirs.commands.iter().filter(|command| !ours.commands.contains(command)) {
        findings.push(format!("README.md lacks the line `{missing}`"));
    }
    findings
}

struct Shape<'a> {
    /// The level of each heading, in order.
    sections: Vec<usize>,
    /// The lines of the shell blocks.
    commands: Vec<&'a str>,
}

impl<'a> Shape<'a> {
    fn of(document: &'a str) -> Self {
        let mut shape = Self { sections: Vec::new(), commands: Vec::new() };
        let mut block = None;
        for line in document.lines() {
            match (block, line.strip_prefix("```")) {
                (None, Some(language)) => block = Some(language),
                (Some(_), Some(_)) => block = None,
                (Some("sh"), None) => {
                    shape.commands.push(line.split('#').next().unwrap_or(line).trim_end());
                }
                (None, None) if line.starts_with('#') => {
                    shape.sections.push(line.len() - line.trim_start_matches('#').len());
                }
                (Some(_) | None, None) => {}
            }
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "# Name\n\n```sh\ncargo run   # starts\n```\n\n## Parts\n";

    #[test]
    fn twins_with_the_same_shape_pass() {
        assert!(check(ENGLISH, "# 名前\n\n```sh\ncargo run   # 起動\n```\n\n## 部品\n").is_empty());
    }

    #[test]
    fn a_missing_section_or_command_is_found() {
        assert_eq!(
            check(ENGLISH, "# 名前\n\n```sh\ncargo test\n```\n"),
            [
                "README.md has sections of the levels [1, 2], README.ja.md of [1]",
                "README.ja.md lacks the line `cargo run`",
                "README.md lacks the line `cargo test`",
            ]
        );
    }

    #[test]
    fn a_hash_inside_of_a_block_is_no_heading() {
        assert!(check("# A\n```text\n# x\n```\n", "# A\n").is_empty());
    }
}
