//! The login page: user name and password.

use std::time::SystemTime;

use askama::Template;
use mfa_plugin_api::Message;

use crate::{
    csrf::CsrfToken,
    render::finish,
    site::{Frame, field, path},
};

/// The data of the login page.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoginPage<'a> {
    /// Site, language and instant.
    pub frame: Frame<'a>,
    /// The token of the form.
    pub csrf: CsrfToken<'a>,
    /// The user name as typed. A password is never shown again.
    pub username: &'a str,
    /// Where to go after the login, as a form value for the gateway.
    pub return_to: Option<&'a str>,
    /// The problem of the last attempt.
    pub problem: Option<LoginProblem>,
    /// The event before this page.
    pub notice: Option<LoginNotice>,
}

impl<'a> LoginPage<'a> {
    /// Makes an empty form.
    pub fn new(frame: Frame<'a>, csrf: CsrfToken<'a>) -> Self {
        Self { frame, csrf, username: "", return_to: None, problem: None, notice: None }
    }

    /// Fills in the user name.
    #[must_use]
    pub fn with_username(mut self, username: &'a str) -> Self {
        self.username = username;
        self
    }

    /// Sets where to go after the login.
    #[must_use]
    pub fn with_return_to(mut self, return_to: &'a str) -> Self {
        self.return_to = Some(return_to);
        self
    }

    /// Sets the problem to show.
    #[must_use]
    pub fn with_problem(mut self, problem: LoginProblem) -> Self {
        self.problem = Some(problem);
        self
    }

    /// Sets the event to show.
    #[must_use]
    pub fn with_notice(mut self, notice: LoginNotice) -> Self {
        self.notice = Some(notice);
        self
    }
}

/// Why a user name and password were refused. No variant reveals to strangers whether the account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginProblem {
    /// Too many password checks are running.
    Busy,
    /// No user name and no password was typed.
    BothMissing,
    /// The password is right, but has to be changed in the directory first. Only for a user who gave it.
    MustChange,
    /// No password was typed.
    PasswordMissing,
    /// Unknown user, wrong password, or a user who may not log in.
    Rejected,
    /// Too many attempts, for this name or from this address.
    Throttled {
        /// The earliest time of another attempt.
        until: SystemTime,
    },
    /// No user name was typed.
    UsernameMissing,
}

/// The event before this login page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginNotice {
    /// The user cancelled the login.
    Cancelled,
    /// The pending login has expired.
    Expired,
    /// The user asked for a page that needs a login.
    LoginNeeded,
    /// The user logged out.
    SignedOut,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginTemplate<'a> {
    frame: Frame<'a>,
    tab_title: String,
    page: &'a LoginPage<'a>,
    summary_heading: String,
    /// The problems: the field to jump to, and the text.
    problems: Vec<(&'static str, String)>,
    is_rejected: bool,
    notice: Option<String>,
}

impl LoginTemplate<'_> {
    fn problem_of(&self, field: &str) -> Option<&str> {
        self.problems.iter().find(|(name, _)| *name == field).map(|(_, words)| words.as_str())
    }
}

/// Renders the login page.
pub fn render_login(page: &LoginPage<'_>) -> String {
    let frame = page.frame;
    let problems = problems(page);
    finish(&LoginTemplate {
        frame,
        tab_title: frame.tab_title(&frame.t("login-title"), !problems.is_empty()),
        page,
        summary_heading: frame.t(summary_key(page.problem)),
        is_rejected: page.problem == Some(LoginProblem::Rejected),
        notice: page.notice.map(|notice| frame.t(notice_key(notice))),
        problems,
    })
}

fn problems(page: &LoginPage<'_>) -> Vec<(&'static str, String)> {
    let frame = page.frame;
    let username = || (field::USERNAME, frame.t("login-username-missing"));
    let password = || (field::PASSWORD, frame.t("login-password-missing"));
    match page.problem {
        None => Vec::new(),
        Some(LoginProblem::BothMissing) => vec![username(), password()],
        Some(LoginProblem::Busy) => vec![("", frame.t("login-busy"))],
        Some(LoginProblem::MustChange) => vec![("", frame.t("login-must-change"))],
        Some(LoginProblem::PasswordMissing) => vec![password()],
        Some(LoginProblem::Rejected) => vec![("", frame.t("login-failed"))],
        Some(LoginProblem::Throttled { until }) => {
            vec![("", frame.m(&Message::new("login-throttled").with("until", until)))]
        }
        Some(LoginProblem::UsernameMissing) => vec![username()],
    }
}

fn summary_key(problem: Option<LoginProblem>) -> &'static str {
    match problem {
        Some(LoginProblem::Busy) => "summary-unavailable",
        Some(LoginProblem::Throttled { .. }) => "summary-wait",
        _ => "summary-check",
    }
}

fn notice_key(notice: LoginNotice) -> &'static str {
    match notice {
        LoginNotice::Cancelled => "login-cancelled",
        LoginNotice::Expired => "login-expired",
        LoginNotice::LoginNeeded => "login-continue-to",
        LoginNotice::SignedOut => "login-signed-out",
    }
}
