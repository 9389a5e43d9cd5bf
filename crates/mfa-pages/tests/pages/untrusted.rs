//! Hostile text in every place that takes text from outside.

use std::time::Duration;

use mfa_pages::{
    AccountPage, CsrfToken, Frame, Language, LoginPage, LogoutPage, MessageKind, MessagePage,
    Operator, PromptPage, SessionFacts, Site, StepUpPage, Support, render_account, render_login,
    render_logout, render_message, render_prompt, render_step_up,
};
use mfa_plugin_api::{
    Action, ActionId, AuthenticationMethod, Field, FieldKind, Message, Notice, Prompt, Rejection,
    RejectionKind,
};

use crate::showcase;

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;{{7*7}}";

fn check(name: &str, html: &str) {
    assert!(!html.contains("<script>"), "{name} lets a script in");
    assert!(!html.contains("<img"), "{name} lets an element in");
    assert!(!html.contains("\"'>"), "{name} lets an attribute be closed");
    assert!(html.contains("&#60;script&#62;"), "{name} does not show the text at all");
}

#[test]
fn markup_from_outside_is_only_text() {
    let mut site = Site::new(HOSTILE);
    site.host = Some(HOSTILE.to_owned());
    site.support = Support {
        url: Some(HOSTILE.to_owned()),
        phone: Some(HOSTILE.to_owned()),
        hours: Some(HOSTILE.into()),
    };
    site.operator = Operator {
        name: Some(HOSTILE.into()),
        privacy_url: Some(HOSTILE.into()),
        terms_url: Some(HOSTILE.into()),
    };
    let here = format!("/_mfa/login?x={HOSTILE}");
    let csrf = CsrfToken::new(HOSTILE);
    for language in Language::ALL {
        let frame = Frame::new(&site, language, showcase::now()).at(&here);
        let login = LoginPage::new(frame, csrf).with_username(HOSTILE).with_return_to(HOSTILE);
        check("login", &render_login(&login));
        check("prompt", &render_prompt(&hostile_prompt_page(frame, csrf, &hostile_prompt())));
        let body = Message::new("otp-sent").with("to", HOSTILE).with("digits", 6_u64);
        let message = MessagePage::new(frame, MessageKind::Unavailable)
            .with_body(&body)
            .with_reference(HOSTILE)
            .with_retry(csrf, &showcase::FACTOR);
        check("message", &render_message(&message));
        let methods = [AuthenticationMethod::new(HOSTILE)];
        let session = SessionFacts {
            signed_in_at: showcase::now(),
            expires_at: showcase::later(60),
            idle_timeout: Duration::from_secs(60),
            methods: &methods,
            address: Some(HOSTILE),
        };
        let account = AccountPage::new(frame, csrf, HOSTILE, session)
            .with_display_name(Some(HOSTILE))
            .with_phone_ending(Some(HOSTILE));
        check("account", &render_account(&account));
        check("logout", &render_logout(&LogoutPage::new(frame, csrf)));
        check("step-up", &render_step_up(&StepUpPage::new(frame, csrf, HOSTILE)));
    }
}

fn hostile_prompt() -> Prompt {
    // Keys that no catalogue has come out as they are, so they test the labels as well.
    let words = || Message::new(HOSTILE);
    Prompt::new(words())
        .with_text(words())
        .with_field(Field::new(HOSTILE, FieldKind::Text, words()).with_hint(words()))
        .with_action(Action::new(ActionId::new(HOSTILE), words()))
        .with_notice(Notice::new(words()))
        .with_rejection(Rejection::new(RejectionKind::Wrong, words()).with_field(HOSTILE))
        .with_help(words())
}

fn hostile_prompt_page<'a>(
    frame: Frame<'a>,
    csrf: CsrfToken<'a>,
    prompt: &'a Prompt,
) -> PromptPage<'a> {
    PromptPage::new(frame, csrf, &showcase::FACTOR, prompt)
        .with_client_address(HOSTILE)
        .with_live_status()
}

#[test]
fn a_whole_number_never_reaches_a_page() {
    let site = Site::new("demo");
    let frame = Frame::new(&site, Language::En, showcase::now());
    let session = SessionFacts {
        signed_in_at: showcase::now(),
        expires_at: showcase::later(60),
        idle_timeout: Duration::from_secs(60),
        methods: &[],
        address: None,
    };
    let account = AccountPage::new(frame, CsrfToken::new("t"), "alice", session)
        .with_phone_ending(Some("09012345678"));
    let html = render_account(&account);
    assert!(html.contains("ending in 5678"));
    assert!(!html.contains("1234"));
}

#[test]
fn debug_of_a_page_does_not_show_its_token() {
    let site = Site::new("demo");
    let frame = Frame::new(&site, Language::Ja, showcase::now());
    let page = LoginPage::new(frame, CsrfToken::new("tell-tale"));
    assert!(!format!("{page:?}").contains("tell-tale"));
}
