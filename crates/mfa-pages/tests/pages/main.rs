//! The pages as people get them: snapshots, markup, words, and what must never be in them.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing has failed")]

mod catalogue;
mod markup;
mod showcase;
mod untrusted;

use mfa_pages::{
    CsrfToken, Frame, Language, MessageKind, MessagePage, PromptPage, Site, Texts, live_status,
    render_message, render_prompt,
};
use mfa_plugin_api::{Message, Notice};

/// The pages whose content is pinned; the others share their templates.
const PINNED: [&str; 11] = [
    "login",
    "login-rejected",
    "login-both-missing",
    "code",
    "code-wrong",
    "code-resent",
    "code-expired",
    "message-factor-locked",
    "message-factor-unavailable",
    "message-login-lost",
    "account",
];

/// The main part of a page, so that a change of the frame does not touch every snapshot.
fn main_part(html: &str) -> &str {
    let start = html.find("<main").unwrap();
    let end = html.find("</main>").unwrap();
    &html[start..end]
}

#[test]
fn pages_read_as_agreed() {
    for language in Language::ALL {
        let pages = showcase::pages(language);
        for pinned in PINNED {
            let (_, html) = pages.iter().find(|(name, _)| name == pinned).unwrap();
            insta::assert_snapshot!(format!("{language}-{pinned}"), main_part(html));
        }
    }
}

#[test]
fn the_live_status_is_one_line_of_json_in_the_readers_language() {
    let site = showcase::site();
    let frame = Frame::new(&site, Language::En, showcase::later(20));
    let prompt = showcase::sms_prompt().with_notice(Notice::new(Message::new("otp-delivered")));
    let line = live_status(&frame, &prompt);
    assert!(!line.contains(['\n', '\r']));
    let status: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(status["notice"], "The text message is on your phone. Look in your messages.");
    assert_eq!(
        status["texts"][0],
        "We sent a 6-digit verification code by text message to your phone number ending in 5678."
    );
    assert_eq!(status["expires_in"], 280);
    assert_eq!(status["actions"], serde_json::json!([{ "id": "resend", "wait": 40 }]));
}

#[test]
fn a_time_that_the_plugin_names_is_not_said_twice() {
    let site = showcase::site();
    let frame = Frame::new(&site, Language::En, showcase::now());
    let until = showcase::later(900);
    let denied = Message::new("otp-locked").with("until", until);
    let locked = || MessagePage::new(frame, MessageKind::Locked).with_retry_at(Some(until));
    assert_eq!(render_message(&locked()).matches("14:48").count(), 1);
    assert_eq!(render_message(&locked().with_body(&denied)).matches("14:48").count(), 1);
}

#[test]
fn a_deployment_brings_texts_of_its_own() {
    let texts = Texts::built_in()
        .with_catalogue(Language::Ja, "login-title = ようこそ\ntotp-title = アプリのコード")
        .unwrap();
    assert_eq!(texts.plain(Language::Ja, "login-title"), "ようこそ");
    assert_eq!(texts.plain(Language::Ja, "totp-title"), "アプリのコード");
    // A key that English lacks is shown in Japanese, and one that nobody knows as itself.
    assert_eq!(texts.plain(Language::En, "totp-title"), "アプリのコード");
    assert_eq!(texts.plain(Language::En, "no-such-key"), "no-such-key");
}

#[test]
fn a_broken_catalogue_names_its_line() {
    let error =
        Texts::built_in().with_catalogue(Language::En, "good = Good\n\nbroken = {\n").unwrap_err();
    assert!((3..=4).contains(&error.line), "{error}");
}

#[test]
fn the_form_goes_below_the_prefix_of_the_deployment() {
    let mut site = Site::new("demo");
    site.prefix = "/auth/".to_owned();
    let frame = Frame::new(&site, Language::En, showcase::now());
    let prompt = showcase::sms_prompt();
    let page = PromptPage::new(frame, CsrfToken::new(showcase::CSRF), &showcase::FACTOR, &prompt);
    let html = render_prompt(&page.with_live_status());
    assert!(html.contains(r#"action="/auth/factor""#));
    assert!(html.contains(r#"action="/auth/factor/action""#));
    assert!(html.contains(r#"action="/auth/factor/cancel""#));
    assert!(html.contains(r#"data-events="/auth/factor/events""#));
    assert!(!html.contains("/_mfa/"));
}
