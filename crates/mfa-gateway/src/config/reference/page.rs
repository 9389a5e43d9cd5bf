//! The reference as a page in Markdown.

use std::fmt::Write as _;

use mfa_pages::Language;

use super::cells;
use crate::config::declaration::SectionDeclaration;

const HEAD: &str = "\
<!-- `cargo xtask settings` writes this page from the declarations in the gateway's source. -->

# Configuration

All keys of the configuration file. [The sample file](../crates/mfa-gateway/config.sample.toml) has the same keys, ready to copy.
`mfa-gateway check-config --explain KEY` shows one of them in a terminal. [Why the defaults are what they are](defaults.md).

Durations are written `\"90s\"`, `\"10m\"`, `\"12h\"` or `\"7d\"`. Paths are relative to the file. Each secret is given as `x_file`, the
name of a file that only the gateway may read, or as `x`; both is an error. [Secrets](operating.md#secrets) says what else `x_file` can name.
";

pub(super) fn write(sections: &[SectionDeclaration]) -> String {
    let mut text = HEAD.to_owned();
    for section in sections {
        let _ = write!(
            text,
            "\n## `{}`\n\n{}\n\n",
            section.header(),
            cells::escaped(section.about.get(Language::En))
        );
        text.push_str("| key | default | allowed | meaning |\n|---|---|---|---|\n");
        for key in section.in_order() {
            let (default, allowed) = (cells::default(key), cells::allowed(key));
            let about = cells::escaped(key.about.get(Language::En));
            let _ = writeln!(text, "| `{}` | {default} | {allowed} | {about} |", key.name);
        }
    }
    text
}
