//! The page of a factor: a [`Prompt`] as HTML, and its live status as data.

use std::time::Duration;

use askama::Template;
use mfa_plugin_api::{
    Action, Arg, Ceremony, FactorId, Field, FieldKind, Message, Prompt, Rejection, RejectionKind,
};
use serde::Serialize;

use crate::{
    clock,
    csrf::CsrfToken,
    render::finish,
    site::{Frame, field, path},
};

/// The data of a factor's page.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PromptPage<'a> {
    /// Site, language and instant.
    pub frame: Frame<'a>,
    /// The token of all forms on the page.
    pub csrf: CsrfToken<'a>,
    /// The factor that asks. The forms post it back, so that an answer meant for another factor is not
    /// submitted to this one.
    pub factor: &'a FactorId,
    /// The prompt of the plugin.
    pub prompt: &'a Prompt,
    /// Whether the page subscribes to [`path::EVENTS`](crate::path::EVENTS).
    pub has_live_status: bool,
    /// The client address of the login. Showing it helps users to notice a relayed login.
    pub client_address: Option<&'a str>,
    /// Whether the browser comes from a form of an older login, which was not used.
    pub is_after_other_login: bool,
}

impl<'a> PromptPage<'a> {
    /// Makes a page without live status.
    pub fn new(
        frame: Frame<'a>,
        csrf: CsrfToken<'a>,
        factor: &'a FactorId,
        prompt: &'a Prompt,
    ) -> Self {
        Self {
            frame,
            csrf,
            factor,
            prompt,
            has_live_status: false,
            client_address: None,
            is_after_other_login: false,
        }
    }

    /// Subscribes the page to the live status of its prompt.
    #[must_use]
    pub fn with_live_status(mut self) -> Self {
        self.has_live_status = true;
        self
    }

    /// Says that the form of an older login was not used, in place of the prompt's notice.
    #[must_use]
    pub fn after_other_login(mut self) -> Self {
        self.is_after_other_login = true;
        self
    }

    /// Sets the client address to show.
    #[must_use]
    pub fn with_client_address(mut self, address: &'a str) -> Self {
        self.client_address = Some(address);
        self
    }
}

#[derive(Template)]
#[template(path = "prompt.html")]
struct PromptTemplate<'a> {
    frame: Frame<'a>,
    tab_title: String,
    page: &'a PromptPage<'a>,
    title: String,
    texts: Vec<String>,
    notice: Option<String>,
    summary: Option<Summary>,
    fields: Vec<FieldView>,
    expires: Option<Expires>,
    actions: Vec<ActionView>,
    countdown: Countdown,
    help_title: String,
    help: Vec<String>,
    requested_from: Option<String>,
}

struct Summary {
    heading: String,
    words: String,
    /// The id of the field that the rejection names.
    target: Option<String>,
}

struct FieldView {
    id: String,
    name: String,
    label: String,
    hint: Option<String>,
    error: Option<String>,
    kind: FieldKind,
    described_by: String,
}

impl FieldView {
    /// Returns the ceremony and the options of a passkey, for the script.
    fn webauthn(&self) -> Option<(&'static str, &str)> {
        match &self.kind {
            FieldKind::WebAuthn { ceremony: Ceremony::Create, options } => {
                Some(("create", options))
            }
            FieldKind::WebAuthn { ceremony: Ceremony::Get, options } => Some(("get", options)),
            _ => None,
        }
    }

    fn is_code(&self) -> bool {
        matches!(self.kind, FieldKind::OneTimeCode { .. })
    }

    fn is_secret(&self) -> bool {
        matches!(self.kind, FieldKind::Secret)
    }
}

struct Expires {
    is_shown: bool,
    words: String,
    machine: String,
    seconds: u64,
}

struct ActionView {
    id: String,
    label: String,
    wait_seconds: u64,
    wait_words: String,
    /// What the script announces when the wait is over.
    ready_words: String,
}

/// The sentence of a wait and its lengths, for the script. It fills in `{length}`, and in it `{m}` and `{s}`.
struct Countdown {
    wait: String,
    minutes: String,
    minutes_seconds: String,
    seconds: String,
}

impl Countdown {
    fn new(frame: &Frame<'_>) -> Self {
        let length = |key: &'static str| Message::new(key).with("m", "{m}").with("s", "{s}");
        Self {
            wait: wait_words(frame, "{length}"),
            minutes: frame.m(&length("duration-minutes").with("n", "{m}")),
            minutes_seconds: frame.m(&length("duration-minutes-seconds")),
            seconds: frame.m(&length("duration-seconds").with("n", "{s}")),
        }
    }
}

/// Renders the page of a factor.
pub fn render_prompt(page: &PromptPage<'_>) -> String {
    let (frame, prompt) = (page.frame, page.prompt);
    let title = frame.m(&prompt.title);
    // A field with a hint of its own tells the end in it, as the code of a text message does.
    let has_hint = prompt.fields.iter().any(|field| field.hint.is_some());
    let expires = prompt.expires_at.filter(|_| !prompt.fields.is_empty()).map(|at| Expires {
        is_shown: !has_hint,
        words: frame.m(&Message::new("prompt-expires").with("expires", at)),
        machine: frame.machine(at),
        seconds: clock::seconds_until(at, frame.now),
    });
    finish(&PromptTemplate {
        frame,
        tab_title: frame.tab_title(&title, prompt.rejection.is_some()),
        page,
        title,
        texts: prompt.texts.iter().map(|text| frame.m(text)).collect(),
        notice: if page.is_after_other_login {
            Some(frame.t("prompt-other-login"))
        } else {
            prompt.notice.as_ref().map(|notice| frame.m(&notice.message))
        },
        summary: prompt.rejection.as_ref().map(|rejection| summary(&frame, prompt, rejection)),
        fields: (prompt.fields.iter())
            .map(|field| {
                field_view(&frame, field, prompt.rejection.as_ref(), !has_hint && expires.is_some())
            })
            .collect(),
        expires,
        actions: prompt.actions.iter().map(|action| action_view(&frame, action)).collect(),
        countdown: Countdown::new(&frame),
        help_title: (prompt.help_title.as_ref())
            .map_or_else(|| frame.t("prompt-help-title"), |title| frame.m(title)),
        help: prompt.help.iter().map(|text| frame.m(text)).collect(),
        requested_from: page.client_address.map(|address| {
            frame.m(&Message::new("prompt-requested-from").with("address", address))
        }),
    })
}

fn summary(frame: &Frame<'_>, prompt: &Prompt, rejection: &Rejection) -> Summary {
    let heading = match rejection.kind {
        RejectionKind::Expired => "summary-expired",
        // Nothing can be corrected any more.
        RejectionKind::Wrong if prompt.fields.is_empty() => "summary-ended",
        RejectionKind::TooMany => "summary-wait",
        RejectionKind::Unavailable => "summary-unavailable",
        _ => "summary-check",
    };
    Summary {
        heading: frame.t(heading),
        words: frame.m(&rejection.message),
        // A plugin may name a field that it no longer asks for.
        target: (rejection.field.as_deref())
            .filter(|name| prompt.fields.iter().any(|field| field.name == *name))
            .map(field_id),
    }
}

fn field_view(
    frame: &Frame<'_>,
    field: &Field,
    rejection: Option<&Rejection>,
    has_expiry: bool,
) -> FieldView {
    let id = field_id(&field.name);
    let error = rejection
        .filter(|rejection| rejection.field.as_deref() == Some(&*field.name))
        .map(|rejection| frame.m(&rejection.message));
    let is_code = matches!(field.kind, FieldKind::OneTimeCode { .. });
    let hint = match &field.hint {
        Some(hint) => Some(frame.m(hint)),
        None if is_code => Some(frame.t("prompt-numeric-hint")),
        None => None,
    };
    let described_by: Vec<String> = [
        hint.as_ref().map(|_| format!("{id}-hint")),
        (is_code && has_expiry).then(|| "expires".to_owned()),
        error.as_ref().map(|_| format!("{id}-error")),
    ]
    .into_iter()
    .flatten()
    .collect();
    FieldView {
        name: field.name.clone().into_owned(),
        label: frame.m(&field.label),
        kind: field.kind.clone(),
        described_by: described_by.join(" "),
        id,
        hint,
        error,
    }
}

/// Returns an id for a field. It is safe in a URL fragment, whatever the plugin's name for the field.
fn field_id(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn action_view(frame: &Frame<'_>, action: &Action) -> ActionView {
    let wait_seconds = wait_seconds(frame, action);
    let label = frame.m(&action.label);
    ActionView {
        id: action.id.as_str().to_owned(),
        wait_seconds,
        wait_words: wait_words(frame, Duration::from_secs(wait_seconds)),
        ready_words: frame.m(&Message::new("prompt-ready").with("action", label.clone())),
        label,
    }
}

fn wait_seconds(frame: &Frame<'_>, action: &Action) -> u64 {
    action.available_at.map_or(0, |at| clock::seconds_until(at, frame.now))
}

fn wait_words(frame: &Frame<'_>, length: impl Into<Arg>) -> String {
    frame.m(&Message::new("prompt-wait").with("length", length))
}

#[derive(Serialize)]
struct LiveStatus {
    notice: Option<String>,
    texts: Vec<String>,
    expires_in: Option<u64>,
    actions: Vec<LiveAction>,
}

#[derive(Serialize)]
struct LiveAction {
    id: String,
    wait: u64,
}

/// Returns the state of a prompt as one JSON object without line breaks: the data of one server-sent
/// event named `status`.
///
/// The object has the notice and the paragraphs in the reader's language, the seconds until each action
/// is available, and the seconds until the prompt expires.
///
/// # Panics
///
/// Never: strings and numbers always serialise.
pub fn live_status(frame: &Frame<'_>, prompt: &Prompt) -> String {
    let status = LiveStatus {
        notice: prompt.notice.as_ref().map(|notice| frame.m(&notice.message)),
        texts: prompt.texts.iter().map(|text| frame.m(text)).collect(),
        expires_in: prompt.expires_at.map(|at| clock::seconds_until(at, frame.now)),
        actions: (prompt.actions.iter())
            .map(|action| LiveAction {
                id: action.id.as_str().to_owned(),
                wait: wait_seconds(frame, action),
            })
            .collect(),
    };
    serde_json::to_string(&status).expect("strings and numbers always serialise")
}
