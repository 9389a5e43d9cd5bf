//! The language of a page.

use std::fmt;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// 日本語.
    Ja,
    /// English.
    En,
}

impl Language {
    /// Both languages, in the order in which the switch shows them.
    pub const ALL: [Self; 2] = [Self::Ja, Self::En];

    /// Returns the BCP 47 tag, `ja` or `en`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// Returns the language of a BCP 47 tag by its primary subtag: `en-GB` is English.
    ///
    /// ```
    /// use mfa_pages::Language;
    ///
    /// assert_eq!(Language::from_tag("JA-jp"), Some(Language::Ja));
    /// assert_eq!(Language::from_tag("fr"), None);
    /// ```
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A value for each language, such as the name of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerLanguage<T> {
    /// The value of Japanese pages.
    pub ja: T,
    /// The value of English pages.
    pub en: T,
}

impl<T> PerLanguage<T> {
    /// Returns the value of `language`.
    pub const fn get(&self, language: Language) -> &T {
        match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        }
    }

    /// Changes each value by `change`.
    pub fn map<U>(self, change: impl Fn(T) -> U) -> PerLanguage<U> {
        PerLanguage { ja: change(self.ja), en: change(self.en) }
    }
}

impl From<String> for PerLanguage<String> {
    /// The same text for both languages.
    fn from(text: String) -> Self {
        Self { ja: text.clone(), en: text }
    }
}

impl From<&str> for PerLanguage<String> {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// The language preferences of a request, the strongest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct LanguageWishes<'a> {
    /// The value of `?lang=`: the reader used the switch on this request.
    pub query: Option<&'a str>,
    /// The value of the language cookie: the reader used the switch earlier.
    pub cookie: Option<&'a str>,
    /// The `Accept-Language` header (RFC 9110, section 12.5.4).
    pub accept_language: Option<&'a str>,
}

/// Chooses the language of the response; `default` if the request names none of ours.
///
/// In `Accept-Language` the highest weight wins; if two are equal, the first one. `q=0` and invalid
/// weights exclude their language.
///
/// ```
/// use mfa_pages::{Language, LanguageWishes, negotiate};
///
/// let browser = LanguageWishes { accept_language: Some("fr, en;q=0.4, ja;q=0.8"), ..Default::default() };
/// assert_eq!(negotiate(&browser, Language::En), Language::Ja);
/// assert_eq!(negotiate(&LanguageWishes { query: Some("en"), ..browser }, Language::Ja), Language::En);
/// ```
pub fn negotiate(wishes: &LanguageWishes<'_>, default: Language) -> Language {
    wishes
        .query
        .and_then(Language::from_tag)
        .or_else(|| wishes.cookie.and_then(Language::from_tag))
        .or_else(|| wishes.accept_language.and_then(|header| preferred(header, default)))
        .unwrap_or(default)
}

fn preferred(header: &str, default: Language) -> Option<Language> {
    let mut best: Option<(u16, Language)> = None;
    for item in header.split(',').take(32) {
        let mut parts = item.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let language = if tag == "*" { Some(default) } else { Language::from_tag(tag) };
        let weight = parts.next().map_or(Some(1000), weight);
        let (Some(language), Some(weight @ 1..)) = (language, weight) else { continue };
        if best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// Parses a `q` parameter, in thousandths.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    quality(value.trim())
}

/// Parses a quality value (RFC 9110, section 12.4.2), in thousandths.
///
/// ```
/// assert_eq!(mfa_pages::quality("0.35"), Some(350));
/// assert_eq!(mfa_pages::quality("1.5"), None);
/// ```
pub fn quality(value: &str) -> Option<u16> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: Option<&str>, cookie: Option<&str>, accept: Option<&str>, expected: Language) {
        for default in Language::ALL {
            let wishes = LanguageWishes { query, cookie, accept_language: accept };
            assert_eq!(negotiate(&wishes, default), expected, "{wishes:?}");
        }
    }

    #[test]
    fn the_switch_beats_the_cookie_and_the_cookie_beats_the_browser() {
        check(Some("en"), Some("ja"), Some("ja"), Language::En);
        check(None, Some("ja"), Some("en"), Language::Ja);
        check(None, None, Some("en"), Language::En);
    }

    #[test]
    fn an_unknown_wish_is_passed_over() {
        check(Some("fr"), Some("ja"), None, Language::Ja);
        check(Some("<script>"), Some(""), Some("en-US"), Language::En);
        let none = LanguageWishes { accept_language: Some("fr;q=1, de"), ..Default::default() };
        assert_eq!(negotiate(&none, Language::Ja), Language::Ja);
        assert_eq!(negotiate(&none, Language::En), Language::En);
    }

    #[test]
    fn weights_order_the_header() {
        for (header, expected) in [
            ("ja,en-US;q=0.9,en;q=0.8", Language::Ja),
            ("en-GB, en;q=0.9, ja;q=0.95", Language::En),
            ("en;q=0.3, ja;q=0.7", Language::Ja),
            ("en;q=0.301,ja;q=0.3", Language::En),
            ("ja;q=0, en;q=0.1", Language::En),
            ("ja;q=1.5, en;q=0.1", Language::En),
            ("ja;q=, en;q=0.1", Language::En),
            ("ja;q=nan, en;q=0.1", Language::En),
            ("en ; q = 0.2 , ja ; Q=0.4", Language::Ja),
            ("ja;q=0.5, en;q=0.5", Language::Ja),
        ] {
            check(None, None, Some(header), expected);
        }
    }

    #[test]
    fn anything_at_all_means_the_default() {
        let any = LanguageWishes { accept_language: Some("fr, *;q=0.5"), ..Default::default() };
        assert_eq!(negotiate(&any, Language::En), Language::En);
        assert_eq!(negotiate(&any, Language::Ja), Language::Ja);
    }

    #[test]
    fn an_endless_header_is_cut() {
        let header = format!("{}ja", "fr,".repeat(100_000));
        let endless = LanguageWishes { accept_language: Some(&header), ..Default::default() };
        assert_eq!(negotiate(&endless, Language::En), Language::En);
    }
}
