//! `[pages]`: what the pages show about the operator and the support.

use mfa_pages::PerLanguage;
use url::Url;

use super::{
    document::{Reported, Section},
    problem::Refusal,
    text,
};

/// `[pages]`
#[derive(Debug, Clone)]
pub struct Pages {
    /// The telephone number of the support.
    pub support_phone: Option<String>,
    /// The hours of the telephone.
    pub support_hours: Option<PerLanguage<String>>,
    /// The name of the operator.
    pub operator_name: Option<PerLanguage<String>>,
    /// The privacy policy.
    pub privacy_url: Option<PerLanguage<Url>>,
    /// The terms of use.
    pub terms_url: Option<PerLanguage<Url>>,
}

pub(super) fn read(section: &Section<'_>) -> Result<Pages, Reported> {
    let support_phone = section
        .key(
            "support_phone",
            (
                "The telephone number of the support, at the foot of each page.",
                "お問い合わせ窓口の電話番号です。各画面の下部に表示します。",
            ),
        )
        .allowed((
            "digits, hyphens, blanks, brackets and a plus",
            "数字、ハイフン、空白、かっこ、プラス",
        ))
        .optional("0120-000-000", ("not set", "設定なし"), phone);
    let support_hours = section
        .key(
            "support_hours",
            (
                "The hours of the telephone, after its number.",
                "電話の受付時間です。電話番号の後ろに表示します。",
            ),
        )
        .optional_per_language("9:00-17:00", ("not set", "設定なし"), text::not_blank);
    let operator_name = section
        .key(
            "operator_name",
            (
                "The name of the operator, at the foot of each page.",
                "運営者の名前です。各画面の下部に表示します。",
            ),
        )
        .optional_per_language("Example Inc.", ("not set", "設定なし"), text::not_blank);
    let privacy_url = section
        .key(
            "privacy_url",
            (
                "The privacy policy. Each page links to it.",
                "プライバシーポリシーです。各画面からリンクします。",
            ),
        )
        .optional_per_language("https://example.jp/privacy", ("not set", "設定なし"), text::link);
    let terms_url = section
        .key(
            "terms_url",
            (
                "The terms of use. Each page links to them.",
                "利用規約です。各画面からリンクします。",
            ),
        )
        .optional_per_language("https://example.jp/terms", ("not set", "設定なし"), text::link);
    Ok(Pages {
        support_phone: support_phone?,
        support_hours: support_hours?,
        operator_name: operator_name?,
        privacy_url: privacy_url?,
        terms_url: terms_url?,
    })
}

fn phone(text: &str) -> Result<String, Refusal> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || "-+() ".contains(c));
    if is_plain && text.contains(|c: char| c.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let what = (
        format!("{text:?} is not a telephone number"),
        format!("{text:?}は電話番号ではありません"),
    );
    let remedy = (
        "write it with digits and hyphens: \"0120-000-000\"",
        "\"0120-000-000\"のように、数字とハイフンで書いてください",
    );
    Err(Refusal::new(what, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::{problems_in, read_from};

    #[test]
    fn a_text_is_for_both_languages_or_one_for_each() {
        let given =
            "operator_name = { ja = \"みなと市\", en = \"Minato\" }\nsupport_hours = \"9-17\"\n";
        let pages = read_from(given, read).expect("both are texts");
        let name = pages.operator_name.expect("it is given");
        assert_eq!((name.ja.as_str(), name.en.as_str()), ("みなと市", "Minato"));
        let hours = pages.support_hours.expect("it is given");
        assert_eq!(hours.ja, hours.en);
    }

    #[test]
    fn each_wrong_value_is_named() {
        for (given, said) in [
            ("operator_name = 1", "operator_name: is neither a text nor a table"),
            ("operator_name = { ja = \"a\" }", "operator_name: is neither a text nor a table"),
            ("operator_name = { ja = \"a\", fr = \"b\" }", "operator_name: is neither a text"),
            ("operator_name = { ja = \"\", en = \"b\" }", "operator_name: is empty"),
            ("support_phone = \"call us\"", "support_phone: \"call us\" is not a telephone number"),
            (
                "terms_url = \"javascript:x\"",
                "terms_url: \"javascript:x\" is not the https address of a page",
            ),
        ] {
            let found = problems_in(given, read).join("\n");
            assert!(found.contains(said), "{given}: {found}");
        }
    }
}
