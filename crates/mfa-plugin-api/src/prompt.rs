//! What to ask the user, as data: the host renders and translates it.

use std::{borrow::Cow, time::SystemTime};

use crate::message::Message;

/// One page's worth of asking: texts, fields, actions, and what was wrong with the last answer.
///
/// ```
/// use mfa_plugin_api::{Field, FieldKind, Message, Prompt};
///
/// let prompt = Prompt::new(Message::new("otp-title"))
///     .with_text(Message::new("otp-sent").with("to", "***-****-5678"))
///     .with_field(Field::new("code", FieldKind::OneTimeCode { digits: 6 }, Message::new("otp-label")));
/// assert_eq!(prompt.fields[0].name, "code");
/// assert!(prompt.rejection.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt {
    /// The heading.
    pub title: Message,
    /// Paragraphs above the fields.
    pub texts: Vec<Message>,
    /// What to fill in; submitted together.
    pub fields: Vec<Field>,
    /// What else the user can do, such as a resend.
    pub actions: Vec<Action>,
    /// Good news about what just happened, such as "sent again".
    pub notice: Option<Notice>,
    /// What was wrong with the last submission or action.
    pub rejection: Option<Rejection>,
    /// When answering stops being of use.
    pub expires_at: Option<SystemTime>,
    /// Questions and answers behind a fold, such as "no text message?".
    pub help: Vec<Message>,
}

impl Prompt {
    /// A prompt with a heading and nothing else.
    pub fn new(title: Message) -> Self {
        Self {
            title,
            texts: Vec::new(),
            fields: Vec::new(),
            actions: Vec::new(),
            notice: None,
            rejection: None,
            expires_at: None,
            help: Vec::new(),
        }
    }

    /// The same prompt with one more paragraph.
    #[must_use]
    pub fn with_text(mut self, text: Message) -> Self {
        self.texts.push(text);
        self
    }

    /// The same prompt with one more field.
    #[must_use]
    pub fn with_field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The same prompt with one more action.
    #[must_use]
    pub fn with_action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// The same prompt with good news.
    #[must_use]
    pub fn with_notice(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    /// The same prompt with what was wrong.
    #[must_use]
    pub fn with_rejection(mut self, rejection: Rejection) -> Self {
        self.rejection = Some(rejection);
        self
    }

    /// The same prompt with the instant at which it ends.
    #[must_use]
    pub fn with_expires_at(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// The same prompt with one more paragraph behind the fold.
    #[must_use]
    pub fn with_help(mut self, help: Message) -> Self {
        self.help.push(help);
        self
    }
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The name under which [`Submission`](crate::Submission) carries the answer.
    pub name: Cow<'static, str>,
    /// What is typed there; the host derives `autocomplete`, `inputmode` and the rest from it.
    pub kind: FieldKind,
    /// The label.
    pub label: Message,
    /// A sentence under the label.
    pub hint: Option<Message>,
}

impl Field {
    /// A field without a hint.
    pub fn new(name: impl Into<Cow<'static, str>>, kind: FieldKind, label: Message) -> Self {
        Self { name: name.into(), kind, label, hint: None }
    }

    /// The same field with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: Message) -> Self {
        self.hint = Some(hint);
        self
    }
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldKind {
    /// A one-time code (`autocomplete="one-time-code"`, numeric keyboard).
    OneTimeCode {
        /// How many digits the code has.
        digits: u8,
    },
    /// A secret that is not shown while typing.
    Secret,
    /// Plain text.
    Text,
}

/// The name of an action, unique within its plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActionId(Cow<'static, str>);

impl ActionId {
    /// An action by name; hosts put it in a form, so keep to ASCII letters and hyphens.
    pub const fn from_static(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// An action as a form named it: any text, so a plugin must expect unknown names.
    pub fn new(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something the user can do besides answering.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Action {
    /// Its name.
    pub id: ActionId,
    /// The words on the button.
    pub label: Message,
    /// Not before this instant; the button works earlier too, and then says how long to wait.
    pub available_at: Option<SystemTime>,
}

impl Action {
    /// An action that is available at once.
    pub fn new(id: ActionId, label: Message) -> Self {
        Self { id, label, available_at: None }
    }

    /// The same action, available from `available_at` on.
    #[must_use]
    pub fn with_available_at(mut self, available_at: SystemTime) -> Self {
        self.available_at = Some(available_at);
        self
    }
}

/// Good news or a plain fact, read out politely.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The words.
    pub message: Message,
}

impl Notice {
    /// A notice of these words.
    pub fn new(message: Message) -> Self {
        Self { message }
    }
}

/// Why the last submission or action did not do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The class, from which a host takes its status code.
    pub kind: RejectionKind,
    /// The field it is about, or none for an action or the prompt as a whole.
    pub field: Option<Cow<'static, str>>,
    /// The words.
    pub message: Message,
    /// When trying again makes sense, if that is known.
    pub retry_at: Option<SystemTime>,
}

impl Rejection {
    /// A rejection of the whole prompt.
    pub fn new(kind: RejectionKind, message: Message) -> Self {
        Self { kind, field: None, message, retry_at: None }
    }

    /// The same rejection, about one field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same rejection with the instant from which on trying again makes sense.
    #[must_use]
    pub fn with_retry_at(mut self, retry_at: SystemTime) -> Self {
        self.retry_at = Some(retry_at);
        self
    }
}

/// The class of a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionKind {
    /// What was asked for has ended, such as a code past its life.
    Expired,
    /// Not of the right form; no attempt was counted.
    Malformed,
    /// Too soon or too often; see [`Rejection::retry_at`].
    TooMany,
    /// What the plugin needs did not answer; nothing was decided.
    Unavailable,
    /// Of the right form, but wrong.
    Wrong,
}
