//! The account page and the logout page.

use std::time::{Duration, SystemTime};

use askama::Template;
use mfa_plugin_api::{AuthenticationMethod, Message};

use crate::{
    csrf::CsrfToken,
    render::finish,
    site::{Frame, field, path},
};

/// The facts of a session that the account page shows.
#[derive(Debug, Clone, Copy)]
pub struct SessionFacts<'a> {
    /// When the last factor was satisfied.
    pub signed_in_at: SystemTime,
    /// When the session expires at the latest.
    pub expires_at: SystemTime,
    /// The session ends earlier after this long without a request.
    pub idle_timeout: Duration,
    /// How the user proved who they are, in the order given.
    pub methods: &'a [AuthenticationMethod],
    /// The client address of the login.
    pub address: Option<&'a str>,
}

/// The data of the account page.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AccountPage<'a> {
    /// Site, language and instant.
    pub frame: Frame<'a>,
    /// The token of the form.
    pub csrf: CsrfToken<'a>,
    /// The user name.
    pub username: &'a str,
    /// The name to show, if the directory has one.
    pub display_name: Option<&'a str>,
    /// The last digits of the phone number. The page shows four at most.
    pub phone_ending: Option<&'a str>,
    /// The session.
    pub session: SessionFacts<'a>,
    /// The path of the protected service.
    pub continue_to: &'a str,
}

impl<'a> AccountPage<'a> {
    /// Makes a page with the facts that every account has.
    pub fn new(
        frame: Frame<'a>,
        csrf: CsrfToken<'a>,
        username: &'a str,
        session: SessionFacts<'a>,
    ) -> Self {
        Self {
            frame,
            csrf,
            username,
            display_name: None,
            phone_ending: None,
            session,
            continue_to: "/",
        }
    }

    /// Sets the name to show.
    #[must_use]
    pub fn with_display_name(mut self, name: Option<&'a str>) -> Self {
        self.display_name = name;
        self
    }

    /// Sets the last digits of the phone number.
    #[must_use]
    pub fn with_phone_ending(mut self, digits: Option<&'a str>) -> Self {
        self.phone_ending = digits;
        self
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountTemplate<'a> {
    frame: Frame<'a>,
    tab_title: String,
    page: &'a AccountPage<'a>,
    phone: Option<String>,
    idle: String,
    methods: Vec<String>,
    signed_in: (String, String),
    expires: (String, String),
}

/// Renders the account page.
pub fn render_account(page: &AccountPage<'_>) -> String {
    let frame = page.frame;
    let time = |instant| (frame.machine(instant), frame.date_time(instant));
    finish(&AccountTemplate {
        frame,
        tab_title: frame.tab_title(&frame.t("account-title"), false),
        page,
        phone: page.phone_ending.map(|digits| {
            frame.m(&Message::new("account-phone-ending").with("digits", last_four(digits)))
        }),
        idle: frame.m(&Message::new("account-idle").with("idle", page.session.idle_timeout)),
        methods: method_names(&frame, page.session.methods),
        signed_in: time(page.session.signed_in_at),
        expires: time(page.session.expires_at),
    })
}

/// Returns the names of authentication methods in the reader's language.
///
/// If `methods` has `sms`, `otp` only says how the message was used. It gets no name of its own.
pub fn method_names(frame: &Frame<'_>, methods: &[AuthenticationMethod]) -> Vec<String> {
    let has_sms = methods.contains(&AuthenticationMethod::SMS);
    methods
        .iter()
        .filter(|method| !(has_sms && **method == AuthenticationMethod::OTP))
        .map(|method| match method.as_str() {
            "pwd" => frame.t("method-pwd"),
            "sms" => frame.t("method-sms"),
            "otp" => frame.t("method-otp"),
            other => frame.m(&Message::new("method-other").with("name", other)),
        })
        .collect()
}

/// Returns the last four digits of `number`. A second line of defence: the caller gives no more.
fn last_four(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(4)..].iter().collect()
}

/// The data of the logout page.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LogoutPage<'a> {
    /// Site, language and instant.
    pub frame: Frame<'a>,
    /// The token of the form.
    pub csrf: CsrfToken<'a>,
    /// The path of the link that leaves without a logout.
    pub continue_to: &'a str,
}

impl<'a> LogoutPage<'a> {
    /// Makes a page whose link leads to the start page of the service.
    pub fn new(frame: Frame<'a>, csrf: CsrfToken<'a>) -> Self {
        Self { frame, csrf, continue_to: "/" }
    }
}

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutTemplate<'a> {
    frame: Frame<'a>,
    tab_title: String,
    page: &'a LogoutPage<'a>,
}

/// Renders the logout page. A logout takes a `POST`, so a link leads here first.
pub fn render_logout(page: &LogoutPage<'_>) -> String {
    let frame = page.frame;
    let tab_title = frame.tab_title(&frame.t("logout-title"), false);
    finish(&LogoutTemplate { frame, tab_title, page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_shows_four_digits_at_most() {
        assert_eq!(last_four("09012345678"), "5678");
        assert_eq!(last_four("+81 90-1234-5678"), "5678");
        assert_eq!(last_four("78"), "78");
        assert_eq!(last_four(""), "");
    }
}
