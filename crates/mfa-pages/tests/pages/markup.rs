//! The shape of every page: balanced, labelled, and free of what the content policy forbids.

use std::collections::BTreeSet;

use mfa_pages::Language;

use crate::showcase;

const VOID: [&str; 4] = ["input", "link", "meta", "br"];
const VOID_IN_SVG: [&str; 3] = ["path", "rect", "circle"];

/// A start tag: its name and its attributes.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Tag<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }
}

/// All start tags of a page.
///
/// # Panics
///
/// If a tag is left open, closed twice, or not written as the templates write tags.
fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").expect("a doctype");
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let end = closing.find('>').unwrap();
            assert_eq!(open.pop(), Some(&closing[..end]));
            rest = &closing[end + 1..];
            continue;
        }
        let (tag, after) = start_tag(rest);
        if !VOID.contains(&tag.name) && !VOID_IN_SVG.contains(&tag.name) {
            open.push(tag.name);
        }
        tags.push(tag);
        rest = after;
    }
    assert_eq!(open, Vec::<&str>::new(), "tags left open");
    tags
}

fn start_tag(mut rest: &str) -> (Tag<'_>, &str) {
    let end = rest.find([' ', '>', '\n', '/']).unwrap();
    let name = &rest[..end];
    assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "<{name}");
    rest = &rest[end..];
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
            return (Tag { name, attributes }, after);
        }
        let end = rest.find(['=', ' ', '>', '\n']).unwrap();
        let attribute = &rest[..end];
        rest = &rest[end..];
        let value = match rest.strip_prefix("=\"") {
            None => "",
            Some(quoted) => {
                let end = quoted.find('"').unwrap();
                rest = &quoted[end + 1..];
                &quoted[..end]
            }
        };
        assert!(
            attributes.iter().all(|(other, _)| *other != attribute),
            "{name} has {attribute} twice"
        );
        attributes.push((attribute, value));
    }
}

fn each_page(mut check: impl FnMut(&str, &str, &[Tag<'_>])) {
    for language in Language::ALL {
        for (name, html) in showcase::pages(language) {
            check(&format!("{language}/{name}"), &html, &tags(&html));
        }
    }
}

#[test]
fn nothing_runs_or_styles_from_within_the_page() {
    each_page(|page, _, tags| {
        for tag in tags {
            assert_ne!(tag.name, "style", "{page}");
            assert!(tag.name != "script" || tag.attribute("src").is_some(), "{page}");
            for (attribute, value) in &tag.attributes {
                assert!(
                    *attribute != "style" && !attribute.starts_with("on"),
                    "{page}: {attribute}"
                );
                assert!(!value.trim_start().starts_with("javascript:"), "{page}: {value}");
            }
        }
    });
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    each_page(|page, _, tags| {
        for tag in tags.iter().filter(|tag| ["script", "link", "img"].contains(&tag.name)) {
            let address = tag.attribute("src").or(tag.attribute("href")).unwrap();
            let is_ours =
                address.starts_with("/_mfa/assets/") || address.starts_with("data:image/");
            assert!(is_ours, "{page}: {address}");
        }
    });
}

#[test]
fn every_reference_has_its_target_and_every_input_its_label() {
    each_page(|page, _, tags| {
        let ids: Vec<&str> = tags.iter().filter_map(|tag| tag.attribute("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len(), "{page}: an id stands twice");
        for tag in tags {
            let references = ["for", "aria-labelledby", "aria-describedby"]
                .into_iter()
                .filter_map(|name| tag.attribute(name))
                .flat_map(str::split_whitespace)
                .chain(tag.attribute("href").and_then(|href| href.strip_prefix('#')));
            for id in references {
                assert!(unique.contains(id), "{page}: nothing has the id {id}");
            }
            if tag.name == "input" && tag.attribute("type") != Some("hidden") {
                let id = tag.attribute("id").unwrap();
                let is_label =
                    |other: &Tag<'_>| other.name == "label" && other.attribute("for") == Some(id);
                assert!(tags.iter().any(is_label), "{page}: {id} has no label");
            }
        }
    });
}

#[test]
fn every_page_has_one_heading_one_main_part_a_title_and_its_language() {
    each_page(|page, html, tags| {
        for name in ["h1", "main", "title"] {
            assert_eq!(tags.iter().filter(|tag| tag.name == name).count(), 1, "{page}: {name}");
        }
        let language = tags[0].attribute("lang").unwrap();
        assert!(page.starts_with(language), "{page}");
        assert!(!html.contains("<title></title>"), "{page}");
    });
}

#[test]
fn every_form_posts_to_us_and_carries_its_token() {
    each_page(|page, html, tags| {
        let forms: Vec<&Tag<'_>> = tags.iter().filter(|tag| tag.name == "form").collect();
        for form in &forms {
            assert_eq!(form.attribute("method"), Some("post"), "{page}");
            assert!(form.attribute("action").unwrap().starts_with("/_mfa/"), "{page}");
        }
        let hidden = format!(r#"<input type="hidden" name="csrf" value="{}">"#, showcase::CSRF);
        assert_eq!(html.matches(&hidden).count(), forms.len(), "{page}");
        // And it stands nowhere else, such as in an address.
        assert_eq!(html.matches(showcase::CSRF).count(), forms.len(), "{page}");
    });
}

#[test]
fn the_code_field_lets_every_way_of_typing_in() {
    each_page(|page, _, tags| {
        let is_over = page.ends_with("-expired") || page.ends_with("-exhausted");
        let code = tags.iter().find(|tag| tag.attribute("name") == Some("code"));
        assert_eq!(code.is_some(), page.contains("/code") && !is_over, "{page}");
        let Some(code) = code else { return };
        for (attribute, value) in [
            ("type", "text"),
            ("inputmode", "numeric"),
            ("autocomplete", "one-time-code"),
            ("id", "code"),
        ] {
            assert_eq!(code.attribute(attribute), Some(value), "{page}: {attribute}");
        }
        for attribute in ["maxlength", "pattern", "placeholder", "disabled", "readonly", "value"] {
            assert_eq!(code.attribute(attribute), None, "{page}: {attribute}");
        }
    });
}

#[test]
fn no_field_has_a_placeholder_or_a_limit_and_no_button_is_disabled() {
    each_page(|page, _, tags| {
        for tag in tags {
            for attribute in ["placeholder", "maxlength", "disabled", "readonly"] {
                assert_eq!(tag.attribute(attribute), None, "{page}: {} {attribute}", tag.name);
            }
        }
    });
}

#[test]
fn what_is_wrong_is_said_in_title_summary_and_at_the_field() {
    each_page(|page, html, tags| {
        let is_wrong = tags.iter().any(|tag| tag.attribute("aria-invalid") == Some("true"));
        if !is_wrong {
            return;
        }
        assert!(html.contains("<title>エラー: ") || html.contains("<title>Error: "), "{page}");
        let summary = tags.iter().find(|tag| tag.attribute("role") == Some("alert")).unwrap();
        assert_eq!(summary.attribute("tabindex"), Some("-1"), "{page}");
        assert!(summary.attribute("autofocus").is_some(), "{page}");
    });
}

#[test]
fn one_thing_at_most_takes_the_focus() {
    each_page(|page, _, tags| {
        let count = tags.iter().filter(|tag| tag.attribute("autofocus").is_some()).count();
        assert!(count <= 1, "{page}: {count}");
    });
}
