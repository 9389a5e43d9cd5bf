//! The message pages: errors, lockouts and other pages without a prompt.

use std::time::SystemTime;

use askama::Template;
use mfa_plugin_api::{Arg, FactorId, Message};

use crate::{
    csrf::CsrfToken,
    phrases::without_breaks,
    render::finish,
    site::{Frame, field, path},
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The subject of a message page. Each kind has its texts, its look, its links and its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// The request could not be read.
    BadRequest,
    /// A factor is denied, and waiting does not help.
    Blocked,
    /// Overloaded.
    Busy,
    /// The browser keeps no cookies.
    CookiesNeeded,
    /// A form without a valid token, or from another site.
    Csrf,
    /// The pending login has ended.
    Expired,
    /// Logged in, but not allowed here.
    Forbidden,
    /// An internal error.
    Internal,
    /// A factor is locked until a stated time.
    Locked,
    /// A program without a session asked for something that needs a login.
    LoginRequired,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// No service has the host of the request.
    Misdirected,
    /// No such page.
    NotFound,
    /// A form did not reach the app, because its sender has to log in first.
    NotSent,
    /// Something that every login needs does not work for the moment.
    Outage,
    /// The request did not arrive in time.
    RequestTimeout,
    /// No pending login, or an unknown cookie.
    SessionLost,
    /// A program asked for something that needs a factor again.
    StepUpRequired,
    /// The body exceeds the limit.
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// A factor cannot be used now.
    Unavailable,
    /// The protected app cannot be reached.
    UpstreamDown,
    /// The protected app does not respond in time.
    UpstreamSlow,
    /// The path and the query are too long.
    UriTooLong {
        /// The limit on both.
        max_bytes: u64,
    },
}

impl MessageKind {
    /// All kinds, those with a limit once.
    pub const ALL: [Self; 23] = [
        Self::BadRequest,
        Self::Blocked,
        Self::Busy,
        Self::CookiesNeeded,
        Self::Csrf,
        Self::Expired,
        Self::Forbidden,
        Self::Internal,
        Self::Locked,
        Self::LoginRequired,
        Self::MethodNotAllowed,
        Self::Misdirected,
        Self::NotFound,
        Self::NotSent,
        Self::Outage,
        Self::RequestTimeout,
        Self::SessionLost,
        Self::StepUpRequired,
        Self::TooLarge { max_bytes: 10 * MIB },
        Self::Unavailable,
        Self::UpstreamDown,
        Self::UpstreamSlow,
        Self::UriTooLong { max_bytes: 8 * KIB },
    ];

    /// Returns the name of the kind for programs. It never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Blocked => "factor_blocked",
            Self::Busy => "busy",
            Self::CookiesNeeded => "cookies_needed",
            Self::Csrf => "form_refused",
            Self::Expired => "login_expired",
            Self::Forbidden => "forbidden",
            Self::Internal => "internal",
            Self::Locked => "factor_locked",
            Self::LoginRequired => "login_required",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Misdirected => "misdirected",
            Self::NotFound => "not_found",
            Self::NotSent => "not_sent",
            Self::Outage => "outage",
            Self::RequestTimeout => "request_timeout",
            Self::SessionLost => "login_lost",
            Self::StepUpRequired => "step_up_required",
            Self::TooLarge { .. } => "too_large",
            Self::Unavailable => "factor_unavailable",
            Self::UpstreamDown => "application_down",
            Self::UpstreamSlow => "application_slow",
            Self::UriTooLong { .. } => "uri_too_long",
        }
    }

    /// Returns the HTTP status (RFC 9110, section 15; 429 is RFC 6585, section 4).
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Blocked | Self::CookiesNeeded | Self::Csrf | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Expired
            | Self::LoginRequired
            | Self::NotSent
            | Self::SessionLost
            | Self::StepUpRequired => 401,
            Self::RequestTimeout => 408,
            Self::TooLarge { .. } => 413,
            Self::UriTooLong { .. } => 414,
            Self::Misdirected => 421,
            Self::Locked => 429,
            Self::Internal => 500,
            Self::UpstreamDown => 502,
            Self::Busy | Self::Outage | Self::Unavailable => 503,
            Self::UpstreamSlow => 504,
        }
    }

    const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => ("message-bad-request-title", "message-bad-request-body"),
            Self::Blocked => ("message-blocked-title", "message-blocked-body"),
            Self::Busy => ("message-busy-title", "message-busy-body"),
            Self::CookiesNeeded => ("message-cookies-title", "message-cookies-body"),
            Self::Csrf => ("message-csrf-title", "message-csrf-body"),
            Self::Expired => ("message-expired-title", "message-expired-body"),
            Self::Forbidden => ("message-forbidden-title", "message-forbidden-body"),
            Self::Internal => ("message-internal-title", "message-internal-body"),
            Self::Locked => ("message-locked-title", "message-locked-body"),
            Self::LoginRequired => ("message-login-title", "message-login-body"),
            Self::MethodNotAllowed => ("message-method-title", "message-method-body"),
            Self::Misdirected => ("message-misdirected-title", "message-misdirected-body"),
            Self::NotFound => ("message-not-found-title", "message-not-found-body"),
            Self::NotSent => ("message-not-sent-title", "message-not-sent-body"),
            Self::Outage => ("message-outage-title", "message-outage-body"),
            Self::RequestTimeout => ("message-timeout-title", "message-timeout-body"),
            Self::SessionLost => ("message-session-lost-title", "message-session-lost-body"),
            Self::StepUpRequired => ("message-step-up-title", "message-step-up-body"),
            Self::TooLarge { .. } => ("message-too-large-title", "message-too-large-body"),
            Self::Unavailable => ("message-unavailable-title", "message-unavailable-body"),
            Self::UpstreamDown => ("message-upstream-title", "message-upstream-body"),
            Self::UpstreamSlow => ("message-upstream-slow-title", "message-upstream-slow-body"),
            Self::UriTooLong { .. } => ("message-uri-too-long-title", "message-uri-too-long-body"),
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Busy
            | Self::Csrf
            | Self::Expired
            | Self::Locked
            | Self::LoginRequired
            | Self::NotSent
            | Self::Outage
            | Self::RequestTimeout
            | Self::SessionLost
            | Self::StepUpRequired
            | Self::Unavailable => Tone::Wait,
            Self::BadRequest
            | Self::Blocked
            | Self::CookiesNeeded
            | Self::Forbidden
            | Self::Internal
            | Self::MethodNotAllowed
            | Self::Misdirected
            | Self::NotFound
            | Self::TooLarge { .. }
            | Self::UpstreamDown
            | Self::UpstreamSlow
            | Self::UriTooLong { .. } => Tone::Problem,
        }
    }

    /// Returns the ways on, the best one first.
    const fn links(self) -> &'static [Link] {
        match self {
            Self::Blocked
            | Self::CookiesNeeded
            | Self::Csrf
            | Self::Expired
            | Self::Locked
            | Self::LoginRequired
            | Self::SessionLost
            | Self::StepUpRequired => &[Link::Login],
            Self::NotSent => &[Link::LoginInNewTab],
            Self::Unavailable => &[Link::Factor],
            Self::Forbidden => &[Link::Home, Link::Account],
            Self::BadRequest
            | Self::MethodNotAllowed
            | Self::NotFound
            | Self::TooLarge { .. }
            | Self::UriTooLong { .. } => &[Link::Home],
            Self::Misdirected => &[Link::OwnHost],
            Self::Busy
            | Self::Internal
            | Self::Outage
            | Self::RequestTimeout
            | Self::UpstreamDown
            | Self::UpstreamSlow => &[Link::Reload, Link::Home],
        }
    }
}

/// A way on from a message page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Account,
    Factor,
    Home,
    Login,
    LoginInNewTab,
    /// The login pages under their own host, from a host that has no application.
    OwnHost,
    Reload,
}

impl Link {
    /// Returns label and address.
    fn words(self, page: &MessagePage<'_>) -> (String, String) {
        let frame = &page.frame;
        let home = || "/".to_owned();
        let (key, address) = match self {
            Self::Account => ("message-account", frame.url(path::ACCOUNT)),
            Self::Factor => ("message-back-to-factor", frame.url(path::FACTOR)),
            Self::Home => ("message-home", home()),
            Self::Login => ("message-login-again", frame.url(path::LOGIN)),
            Self::LoginInNewTab => {
                let login = page.link_to.map_or_else(|| frame.url(path::LOGIN), str::to_owned);
                ("message-login-new-tab", login)
            }
            Self::OwnHost => {
                ("message-login-again", frame.site.home_url.clone().unwrap_or_else(home))
            }
            // The empty reference is the address of the page itself (RFC 3986, section 4.4).
            Self::Reload => ("message-reload", String::new()),
        };
        (frame.t(key), address)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Problem,
    Wait,
}

/// The data of a message page.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MessagePage<'a> {
    /// Site, language and instant.
    pub frame: Frame<'a>,
    /// The subject.
    pub kind: MessageKind,
    /// The text of a plugin, in place of the kind's own.
    pub body: Option<&'a Message>,
    /// The earliest time of another attempt.
    pub retry_at: Option<SystemTime>,
    /// The token of a button that tries the factor again (`action=retry` to
    /// [`path::ACTION`](crate::path::ACTION)), next to one that cancels. Then no link is added.
    pub retry: Option<CsrfToken<'a>>,
    /// The factor that the button tries again.
    pub factor: Option<&'a FactorId>,
    /// The number under which the log has this page, for the support.
    pub reference: Option<&'a str>,
    /// Where the login goes on that the request needs. [`MessageKind::NotSent`] leads there.
    pub link_to: Option<&'a str>,
}

impl<'a> MessagePage<'a> {
    /// Makes a page with the text and the link of its kind.
    pub fn new(frame: Frame<'a>, kind: MessageKind) -> Self {
        Self {
            frame,
            kind,
            body: None,
            retry_at: None,
            retry: None,
            factor: None,
            reference: None,
            link_to: None,
        }
    }

    /// Sets the text of a plugin.
    #[must_use]
    pub fn with_body(mut self, body: &'a Message) -> Self {
        self.body = Some(body);
        self
    }

    /// Sets the earliest time of another attempt.
    #[must_use]
    pub fn with_retry_at(mut self, retry_at: Option<SystemTime>) -> Self {
        self.retry_at = retry_at;
        self
    }

    /// Sets where the login goes on that the request needs.
    #[must_use]
    pub fn with_link_to(mut self, url: &'a str) -> Self {
        self.link_to = Some(url);
        self
    }

    /// Sets the number under which the log has this page.
    #[must_use]
    pub fn with_reference(mut self, reference: &'a str) -> Self {
        self.reference = Some(reference);
        self
    }

    /// Adds a button that tries `factor` again, and one that cancels the login.
    #[must_use]
    pub fn with_retry(mut self, csrf: CsrfToken<'a>, factor: &'a FactorId) -> Self {
        self.retry = Some(csrf);
        self.factor = Some(factor);
        self
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessageTemplate<'a> {
    frame: Frame<'a>,
    tab_title: String,
    page: &'a MessagePage<'a>,
    title: String,
    body: String,
    retry_words: Option<String>,
    tone: Tone,
    /// Label and address.
    links: Vec<(String, String)>,
    reference: Option<String>,
    /// Whether the link opens a new tab, because this one keeps what was typed.
    opens_tab: bool,
}

impl MessagePage<'_> {
    /// Returns title and text, with the places where a line may break.
    fn words(&self) -> (String, String) {
        let (title, body) = self.kind.keys();
        let message = || match self.kind {
            MessageKind::TooLarge { max_bytes } => {
                Message::new(body).with("limit", size(max_bytes))
            }
            MessageKind::UriTooLong { max_bytes } => Message::new(body).with("limit", max_bytes),
            _ => Message::new(body),
        };
        let body = self.body.map_or_else(|| self.frame.m(&message()), |body| self.frame.m(body));
        (self.frame.t(title), body)
    }
}

/// Writes a number of bytes in the largest unit that leaves a whole number.
fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes >= MIB && bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ if bytes >= KIB && bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} B"),
    }
}

/// Returns title and text of a message page, for programs.
pub fn message_words(page: &MessagePage<'_>) -> (String, String) {
    let (title, body) = page.words();
    (without_breaks(&title), without_breaks(&body))
}

/// Renders a message page.
pub fn render_message(page: &MessagePage<'_>) -> String {
    let frame = page.frame;
    let (title, body) = page.words();
    finish(&MessageTemplate {
        frame,
        tab_title: frame.tab_title(&title, page.kind.tone() == Tone::Problem),
        page,
        title,
        body,
        retry_words: (page.retry_at)
            .filter(|_| !page.body.is_some_and(tells_when))
            .map(|until| frame.m(&Message::new("message-retry-at").with("until", until))),
        tone: page.kind.tone(),
        links: match page.retry {
            Some(_) => Vec::new(),
            None => page.kind.links().iter().map(|link| link.words(page)).collect(),
        },
        reference: page.reference.map(|reference| {
            frame.m(&Message::new("message-reference").with("reference", reference))
        }),
        opens_tab: page.kind == MessageKind::NotSent,
    })
}

/// Returns whether a message names a time itself. Then the page does not repeat it.
fn tells_when(message: &Message) -> bool {
    message.args().any(|(_, arg)| matches!(arg, Arg::Duration(_) | Arg::Instant(_)))
}
