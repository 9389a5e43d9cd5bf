//! The reference as a sample file in TOML.

use std::fmt::Write as _;

use mfa_pages::Language;

use super::wrap::wrap;
use crate::config::declaration::{Absence, Form, KeyDeclaration, OneLine, SectionDeclaration};

const WIDTH: usize = 98;

const HEAD: &str = "\
# The configuration of mfa-gateway. A key that is commented out shows its default.
#
# Check a file:   mfa-gateway check-config --config FILE
# Explain a key:  mfa-gateway check-config --explain otp.lifetime
#
# Durations are written \"90s\", \"10m\", \"12h\" or \"7d\". Paths are relative to this file.
# Each secret is given as `x_file`, the name of a file that only the gateway may read, or as `x`.
#
# `cargo xtask settings` writes this file from the declarations in the gateway's source.
";

const HEAD_JA: &str = "\
# mfa-gatewayの設定です。コメントになっているキーには、既定値を示しています。
#
# ファイルの確認：  mfa-gateway check-config --lang ja --config ファイル
# キーの説明：      mfa-gateway check-config --lang ja --explain otp.lifetime
#
# 時間の長さは\"90s\"、\"10m\"、\"12h\"、\"7d\"のように書きます。パスは、このファイルを基準にします。
# 秘密情報xは、ゲートウェイだけが読めるファイルの名前（`x_file`）か、値そのもの（`x`）で指定します。
#
# このファイルは、`cargo xtask settings`がゲートウェイのソースの宣言から書き出します。
";

/// Writes the file with comments in `language`.
pub(super) fn write(sections: &[SectionDeclaration], language: Language) -> String {
    let mut text = match language {
        Language::En => HEAD,
        Language::Ja => HEAD_JA,
    }
    .to_owned();
    for section in sections {
        text.push('\n');
        // An alternative section is commented out as a whole, so its comments get a second `# `.
        let prefix = if section.form == Form::Alternative { "# " } else { "" };
        comment(&mut text, "", section.about.get(language));
        line(&mut text, prefix, &section.header());
        for key in section.in_order() {
            comment(&mut text, prefix, key.about.get(language));
            comment(&mut text, prefix, &values(key, language));
            let is_set = key.is_shown || matches!(key.absence, Absence::Required { .. });
            let mark = if is_set { "" } else { "# " };
            line(
                &mut text,
                prefix,
                &format!("{mark}{} = {}", key.name, OneLine(key.absence.value())),
            );
        }
        if let Form::Array { more } = section.form
            && !more.is_empty()
        {
            let _ = write!(text, "\n{more}");
        }
    }
    text
}

/// Returns the accepted values, and what holds without the key if the line of the key cannot show it.
fn values(key: &KeyDeclaration, language: Language) -> String {
    let allowed = key.allowed_with_source(language);
    let default = match &key.absence {
        Absence::Otherwise { instead, .. } => Some(instead.get(language)),
        Absence::Default(_) | Absence::Required { .. } => None,
    };
    let (allowed, default, between) = match language {
        Language::En => (
            allowed.map(|allowed| format!("Allowed: {allowed}.")),
            default.map(|default| format!("Default: {default}.")),
            " ",
        ),
        Language::Ja => (
            allowed.map(|allowed| format!("指定できる値：{allowed}。")),
            default.map(|default| format!("既定値：{default}。")),
            "",
        ),
    };
    [allowed, default].into_iter().flatten().collect::<Vec<_>>().join(between)
}

fn comment(text: &mut String, prefix: &str, sentence: &str) {
    for words in wrap(sentence, WIDTH) {
        line(text, prefix, &format!("# {words}"));
    }
}

fn line(text: &mut String, prefix: &str, content: &str) {
    text.push_str(prefix);
    text.push_str(content);
    text.push('\n');
}
