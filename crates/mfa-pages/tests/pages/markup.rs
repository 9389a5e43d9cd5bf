//! The shape of every page: balanced, labelled, and free of what the content policy forbids.

use std::collections::BTreeSet;

use mfa_pages::{Language, asset};
use testkit::html::{Tag, tags};

use crate::showcase;

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
fn every_message_has_a_way_on_and_a_number_for_the_support() {
    each_page(|page, html, tags| {
        let Some((_, name)) = page.split_once("/message-") else { return };
        let main = &html[html.find("<main").unwrap()..html.find("</main>").unwrap()];
        let has_button = main.contains("<button class=\"primary\"");
        assert!(has_button || main.contains("<a class=\"primary\""), "{page} is a dead end");
        assert!(main.contains(showcase::REFERENCE), "{page} has no number");
        // From a host that has no application, only an absolute address leads on.
        if name == "misdirected" {
            let address = tags.iter().find(|tag| tag.attribute("class") == Some("primary"));
            assert_eq!(address.unwrap().attribute("href"), Some("https://login.example.jp/"));
        }
    });
}

#[test]
fn what_is_not_laid_out_has_no_marks_for_line_breaks() {
    each_page(|page, html, tags| {
        let title = &html[html.find("<title>").unwrap()..html.find("</title>").unwrap()];
        assert!(!title.contains('\u{200B}'), "{page}: {title}");
        // The script puts other attributes into the page, where their lines break.
        for name in ["aria-label", "data-label-show", "data-label-hide"] {
            let marked = tags.iter().filter_map(|tag| tag.attribute(name));
            assert!(marked.clone().all(|value| !value.contains('\u{200B}')), "{page}: {name}");
        }
    });
}

#[test]
fn the_field_comes_before_everything_but_a_problem_and_a_notice() {
    each_page(|page, html, _| {
        let at = |id: &str| html.find(&format!("id=\"{id}\""));
        let Some(field) = at("code") else { return };
        let texts = at("texts").unwrap();
        let is_wrong = html.contains("class=\"summary\"");
        assert_eq!(field < at("notice").unwrap(), is_wrong, "{page}");
        let has_notice = html.contains("class=\"notice\"");
        assert_eq!(field < texts, is_wrong || has_notice, "{page}");
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
        assert!(html.contains("<title>エラー：") || html.contains("<title>Error: "), "{page}");
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

#[test]
fn a_passkey_reaches_the_script_as_data_and_is_explained_without_it() {
    each_page(|page, html, tags| {
        let Some((_, name)) = page.split_once("/passkey") else { return };
        let input = tags.iter().find(|tag| tag.attribute("name") == Some("passkey")).unwrap();
        let ceremony = if name.is_empty() { "get" } else { "create" };
        assert_eq!(input.attribute("type"), Some("hidden"), "{page}");
        assert_eq!(input.attribute("data-webauthn"), Some(ceremony), "{page}");
        let escaped = input.attribute("data-options").unwrap();
        let options = escaped
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#38;", "&");
        assert_eq!(options, showcase::OPTIONS, "{page}");
        assert!(input.attribute("value").is_none(), "{page}");
        assert!(html.contains("JavaScript"), "{page}: a reader without script is not told");
    });
}

#[test]
fn the_script_knows_the_marks_of_the_pages() {
    let script = asset("pages.js").unwrap();
    let script = std::str::from_utf8(script.bytes).unwrap();
    for mark in [
        "input[data-webauthn]",
        "parseRequestOptionsFromJSON",
        "parseCreationOptionsFromJSON",
        "dataset.options",
        "\"moved\"",
    ] {
        assert!(script.contains(mark), "{mark}");
    }
}
