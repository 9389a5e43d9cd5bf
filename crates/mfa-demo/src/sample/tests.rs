//! The pages of the sample application: snapshots, markup, words, and hostile text.

use std::{collections::BTreeSet, time::Duration};

use testkit::html::{Tag, tags};

use super::*;

const METHODS: [AuthenticationMethod; 3] =
    [AuthenticationMethod::PWD, AuthenticationMethod::OTP, AuthenticationMethod::SMS];

/// 2026-11-22 14:32:10 in Japan.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_325_530)
}

fn page(language: Language, section: SampleSection) -> String {
    let site = site(("Demo", "Demo")).expect("the catalogues parse");
    let page = SamplePage::new(Frame::new(&site, language, now()), section);
    let user = SampleUser {
        name: "alice",
        methods: &METHODS,
        signed_in_at: Some(now() - Duration::from_secs(1_234)),
    };
    render_sample(&match section {
        SampleSection::Public => page,
        SampleSection::Admin | SampleSection::Home => page.with_user(user),
    })
}

fn pages() -> impl Iterator<Item = (Language, SampleSection, String)> {
    let sections = [SampleSection::Admin, SampleSection::Home, SampleSection::Public];
    Language::ALL.into_iter().flat_map(move |language| {
        sections.map(|section| (language, section, page(language, section)))
    })
}

fn main_part(html: &str) -> &str {
    let start = html.find("<main").expect("a main part");
    let end = html.find("</main>").expect("its end");
    &html[start..end]
}

#[test]
fn the_home_page_reads_as_agreed() {
    for language in Language::ALL {
        let html = page(language, SampleSection::Home);
        insta::assert_snapshot!(format!("{language}-home"), main_part(&html));
    }
}

#[test]
fn the_markup_is_sound_and_loads_nothing_from_elsewhere() {
    for (language, section, html) in pages() {
        let tags = tags(&html);
        assert_eq!(tags[0].attribute("lang"), Some(language.tag()));
        for name in ["h1", "main", "title"] {
            assert_eq!(tags.iter().filter(|tag| tag.name == name).count(), 1, "{section:?}");
        }
        let ids: Vec<&str> = tags.iter().filter_map(|tag| tag.attribute("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len(), "{section:?}: an id stands twice");
        for tag in &tags {
            check_tag(tag, &unique);
        }
    }
}

fn check_tag(tag: &Tag<'_>, ids: &BTreeSet<&str>) {
    assert!(!["script", "style"].contains(&tag.name), "{tag:?}");
    for (attribute, value) in &tag.attributes {
        assert!(*attribute != "style" && !attribute.starts_with("on"), "{tag:?}");
        assert!(*attribute != "aria-labelledby" || ids.contains(value), "{tag:?}");
    }
    if tag.name == "link" {
        let address = tag.attribute("href").expect("an address");
        assert!(address == STYLE_SHEET_PATH || address.starts_with("data:image/"), "{tag:?}");
    }
}

#[test]
fn every_word_is_there_in_both_languages_and_none_is_left_over() {
    let keys = |source: &'static str| -> BTreeSet<&str> {
        source.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect()
    };
    let ja = keys(include_str!("../../locales/ja.ftl"));
    assert_eq!(ja, keys(include_str!("../../locales/en.ftl")));
    let literals: BTreeSet<&str> =
        [include_str!("../sample.rs"), include_str!("../../templates/sample.html")]
            .into_iter()
            .flat_map(|text| text.split('"'))
            .collect();
    let used: BTreeSet<&str> =
        literals.into_iter().filter(|text| text.starts_with("sample-")).collect();
    assert_eq!(used, ja);
}

#[test]
fn markup_in_headers_is_only_text() {
    const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    let site = site(("Demo", "Demo")).expect("the catalogues parse");
    let methods = [AuthenticationMethod::new(HOSTILE)];
    for language in Language::ALL {
        let user = SampleUser { name: HOSTILE, methods: &methods, signed_in_at: None };
        let frame = Frame::new(&site, language, now());
        let html = render_sample(&SamplePage::new(frame, SampleSection::Home).with_user(user));
        assert!(!html.contains("<script>") && !html.contains("<img"), "{html}");
        assert!(!html.contains("\"'>"), "{html}");
        assert!(html.contains("&#60;script&#62;"), "{html}");
    }
}
