//! Every page in every state worth looking at, for snapshots and for the gallery.

use std::time::{Duration, SystemTime};

use mfa_pages::{
    AccountPage, CsrfToken, Frame, Language, LoginNotice, LoginPage, LoginProblem, LogoutPage,
    MessageKind, MessagePage, Operator, PerLanguage, PromptPage, SessionFacts, Site, StepUpPage,
    Support, render_account, render_login, render_logout, render_message, render_prompt,
    render_step_up,
};
use mfa_plugin_api::{
    Action, ActionId, AuthenticationMethod, Ceremony, FactorId, Field, FieldKind, Message, Notice,
    Prompt, Rejection, RejectionKind,
};

/// 2026-11-22 14:32:10 in Japan.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_325_530)
}

pub(crate) fn later(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

pub(crate) static FACTOR: FactorId = FactorId::from_static("sms-otp");

pub(crate) const CSRF: &str = "csrf-token-of-the-showcase";

pub(crate) const REFERENCE: &str = "4821-7730-5512";

fn both(ja: &str, en: &str) -> PerLanguage<String> {
    PerLanguage { ja: ja.to_owned(), en: en.to_owned() }
}

pub(crate) fn site() -> Site {
    let mut site = Site::new(both("みなと図書室", "Minato Library"));
    site.host = Some("login.example.jp".to_owned());
    site.home_url = Some("https://login.example.jp/".to_owned());
    site.support = Support {
        url: Some("https://www.example.jp/support".to_owned()),
        phone: Some("0120-000-000".to_owned()),
        hours: Some(both("（平日9時〜17時）", "(weekdays 9:00 to 17:00)")),
    };
    let url = |page: &str| format!("https://www.example.jp/{page}");
    site.operator = Operator {
        name: Some(both("みなと市", "City of Minato")),
        privacy_url: Some(url("privacy").into()),
        terms_url: Some(url("terms").into()),
    };
    site
}

/// The prompt of the SMS plugin just after the text message left.
pub(crate) fn sms_prompt() -> Prompt {
    Prompt::new(Message::new("otp-title"))
        .with_text(Message::new("otp-sent").with("to", "5678").with("digits", 6_u64))
        .with_text(Message::new("otp-warning"))
        .with_field(
            Field::new("code", FieldKind::OneTimeCode { digits: 6 }, Message::new("otp-label"))
                .with_hint(Message::new("otp-hint").with("expires", later(300))),
        )
        .with_action(
            Action::new(ActionId::from_static("resend"), Message::new("otp-resend"))
                .with_available_at(later(60)),
        )
        .with_expires_at(later(300))
        .with_help_title(Message::new("otp-help-title"))
        .with_help(Message::new("otp-help-delay"))
        .with_help(Message::new("otp-help-signal"))
        .with_help(Message::new("otp-help-filter"))
}

/// The options of a passkey, with text that must not end an attribute.
pub(crate) const OPTIONS: &str =
    r#"{"challenge":"q0Jb_w","rpId":"login.example.jp","note":"'><&"}"#;

/// The prompt of a passkey plugin.
pub(crate) fn passkey_prompt(ceremony: Ceremony) -> Prompt {
    let kind = FieldKind::WebAuthn { ceremony, options: OPTIONS.to_owned() };
    Prompt::new(Message::new("otp-title")).with_field(Field::new(
        "passkey",
        kind,
        Message::new("otp-label"),
    ))
}

/// The prompt when the code is of no more use.
fn ended_prompt(why: Rejection) -> Prompt {
    Prompt::new(Message::new("otp-title-new"))
        .with_action(Action::new(ActionId::from_static("new-code"), Message::new("otp-new-code")))
        .with_rejection(why)
}

fn wrong(key: &'static str, kind: RejectionKind) -> Rejection {
    let message = Message::new(key).with("attempts_left", 4_u64).with("digits", 6_u64);
    Rejection::new(kind, message).with_field("code")
}

/// Name and HTML of every page in `language`.
pub(crate) fn pages(language: Language) -> Vec<(String, String)> {
    let site = site();
    let frame = Frame::new(&site, language, now());
    let mut pages = Vec::new();
    logins(&frame.at("/_mfa/login"), &mut pages);
    prompts(&frame.at("/_mfa/factor"), &mut pages);
    messages(&frame, &mut pages);
    accounts(&frame.at("/_mfa/account"), &mut pages);
    pages
}

fn logins(frame: &Frame<'_>, pages: &mut Vec<(String, String)>) {
    let login = || LoginPage::new(*frame, CsrfToken::new(CSRF)).with_return_to("/admin/");
    let mut add =
        |name: &str, page: LoginPage<'_>| pages.push((name.to_owned(), render_login(&page)));
    add("login", login());
    add("login-needed", login().with_notice(LoginNotice::LoginNeeded));
    add("login-signed-out", login().with_notice(LoginNotice::SignedOut));
    add("login-rejected", login().with_username("alice").with_problem(LoginProblem::Rejected));
    add("login-both-missing", login().with_problem(LoginProblem::BothMissing));
    add(
        "login-password-missing",
        login().with_username("alice").with_problem(LoginProblem::PasswordMissing),
    );
    let throttled = LoginProblem::Throttled { until: later(900) };
    add("login-throttled", login().with_username("alice").with_problem(throttled));
    let outdated = login().with_username("alice").with_problem(LoginProblem::MustChange);
    add("login-must-change", outdated);
    add("login-busy", login().with_username("alice").with_problem(LoginProblem::Busy));
}

fn prompts(frame: &Frame<'_>, pages: &mut Vec<(String, String)>) {
    let mut add = |name: &str, prompt: &Prompt| {
        let page = PromptPage::new(*frame, CsrfToken::new(CSRF), &FACTOR, prompt)
            .with_client_address("203.0.113.7");
        pages.push((name.to_owned(), render_prompt(&page)));
    };
    add("code", &sms_prompt());
    add("code-wrong", &sms_prompt().with_rejection(wrong("otp-wrong", RejectionKind::Wrong)));
    add(
        "code-malformed",
        &sms_prompt().with_rejection(wrong("otp-malformed", RejectionKind::Malformed)),
    );
    let resent = Message::new("otp-resent");
    add("code-resent", &sms_prompt().with_notice(Notice::new(resent)));
    let delivered = Notice::new(Message::new("otp-delivered"));
    add(
        "code-wrong-delivered",
        &sms_prompt()
            .with_notice(delivered)
            .with_rejection(wrong("otp-wrong", RejectionKind::Wrong)),
    );
    let too_early = Message::new("otp-resend-wait").with("length", Duration::from_secs(25));
    add(
        "code-too-early",
        &sms_prompt().with_rejection(Rejection::new(RejectionKind::TooMany, too_early)),
    );
    let expired = Rejection::new(RejectionKind::Expired, Message::new("otp-expired"));
    add("code-expired", &ended_prompt(expired));
    add("passkey", &passkey_prompt(Ceremony::Get));
    let refused = Rejection::new(RejectionKind::Wrong, Message::new("otp-expired"));
    add(
        "passkey-refused",
        &passkey_prompt(Ceremony::Create).with_rejection(refused.with_field("passkey")),
    );
    add("code-exhausted", &ended_prompt(wrong("otp-exhausted", RejectionKind::Wrong)));
}

fn messages(frame: &Frame<'_>, pages: &mut Vec<(String, String)>) {
    let (unavailable, locked) =
        (Message::new("otp-unavailable"), Message::new("otp-locked").with("until", later(900)));
    for kind in MessageKind::ALL {
        let mut page = MessagePage::new(*frame, kind).with_reference(REFERENCE);
        if matches!(kind, MessageKind::Locked | MessageKind::Busy) {
            page = page.with_retry_at(Some(later(900)));
        }
        if kind == MessageKind::Locked {
            page = page.with_body(&locked);
        }
        if kind == MessageKind::Unavailable {
            page = page.with_body(&unavailable).with_retry(CsrfToken::new(CSRF), &FACTOR);
        }
        let name = format!("message-{}", kind.code().replace('_', "-"));
        pages.push((name, render_message(&page)));
    }
}

const METHODS: [AuthenticationMethod; 3] =
    [AuthenticationMethod::PWD, AuthenticationMethod::OTP, AuthenticationMethod::SMS];

fn accounts(frame: &Frame<'_>, pages: &mut Vec<(String, String)>) {
    let session = SessionFacts {
        signed_in_at: now() - Duration::from_secs(1_234),
        expires_at: later(41_966),
        idle_timeout: Duration::from_secs(3_600),
        methods: &METHODS,
        address: Some("203.0.113.7"),
    };
    let account = AccountPage::new(*frame, CsrfToken::new(CSRF), "alice", session)
        .with_display_name(Some("港 あかり"))
        .with_phone_ending(Some("5678"));
    pages.push(("account".to_owned(), render_account(&account)));
    let logout = LogoutPage::new(frame.at("/_mfa/logout"), CsrfToken::new(CSRF));
    pages.push(("logout".to_owned(), render_logout(&logout)));
    let step_up = StepUpPage::new(frame.at("/_mfa/step-up"), CsrfToken::new(CSRF), "/admin/");
    pages.push(("step-up".to_owned(), render_step_up(&step_up)));
}
