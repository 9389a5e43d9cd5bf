//! What to ask the user, as data: the host renders and translates it.

use std::{borrow::Cow, time::SystemTime};

use crate::{message::Message, names::text_name};

/// The content of one page: texts, fields, actions, and what was wrong with the last submission.
///
/// ```
/// use mfa_plugin_api::{Field, FieldKind, Message, Prompt};
///
/// let prompt = Prompt::new(Message::new("otp-title"))
///     .with_text(Message::new("otp-sent").with("to", "5678"))
///     .with_field(Field::new("code", FieldKind::OneTimeCode { digits: 6 }, Message::new("otp-label")));
/// assert_eq!(prompt.fields[0].name, "code");
/// assert!(prompt.rejection.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Prompt {
    /// The heading.
    pub title: Message,
    /// Paragraphs above the fields.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub texts: Vec<Message>,
    /// What the user fills in. All fields are submitted together.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub fields: Vec<Field>,
    /// What else the user can do, such as a resend.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub actions: Vec<Action>,
    /// What the last action achieved, such as "sent again".
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub notice: Option<Notice>,
    /// What was wrong with the last submission or action.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub rejection: Option<Rejection>,
    /// When the prompt expires: a submission from then on is rejected.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "expires_at_ms",
            with = "crate::wire::optional_instant",
            default,
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub expires_at: Option<SystemTime>,
    /// The heading of the help. `None`: the host's own.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub help_title: Option<Message>,
    /// Paragraphs that the page shows on request, such as help with a missing message.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub help: Vec<Message>,
}

impl Prompt {
    /// Returns a prompt that has a heading only.
    pub fn new(title: Message) -> Self {
        Self {
            title,
            texts: Vec::new(),
            fields: Vec::new(),
            actions: Vec::new(),
            notice: None,
            rejection: None,
            expires_at: None,
            help_title: None,
            help: Vec::new(),
        }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn with_text(mut self, text: Message) -> Self {
        self.texts.push(text);
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn with_field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn with_action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Sets the notice to show.
    #[must_use]
    pub fn with_notice(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    /// Sets the rejection to show.
    #[must_use]
    pub fn with_rejection(mut self, rejection: Rejection) -> Self {
        self.rejection = Some(rejection);
        self
    }

    /// Sets when the prompt expires.
    #[must_use]
    pub fn with_expires_at(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// Sets the heading of the help.
    #[must_use]
    pub fn with_help_title(mut self, title: Message) -> Self {
        self.help_title = Some(title);
        self
    }

    /// Adds a paragraph of help.
    #[must_use]
    pub fn with_help(mut self, help: Message) -> Self {
        self.help.push(help);
        self
    }
}

/// An input of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Field {
    /// The name under which [`Submission`](crate::Submission) holds the value.
    pub name: Cow<'static, str>,
    /// What the user types. The host derives `autocomplete`, `inputmode` and the like from it.
    pub kind: FieldKind,
    /// The label.
    pub label: Message,
    /// A sentence under the label.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub hint: Option<Message>,
}

impl Field {
    /// Returns a field without a hint.
    pub fn new(name: impl Into<Cow<'static, str>>, kind: FieldKind, label: Message) -> Self {
        Self { name: name.into(), kind, label, hint: None }
    }

    /// Sets the hint.
    #[must_use]
    pub fn with_hint(mut self, hint: Message) -> Self {
        self.hint = Some(hint);
        self
    }
}

/// What a field accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
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
    /// A passkey or a security key (Web Authentication Level 3). The user types nothing: the page calls
    /// the browser and submits its response.
    ///
    /// The value is the JSON text of `PublicKeyCredential.toJSON()`, up to some kilobytes. The plugin
    /// verifies it. A page without JavaScript cannot fill in this field, so the host says that it is needed.
    #[cfg_attr(feature = "serde", serde(rename = "webauthn"))]
    WebAuthn {
        /// What the browser is asked to do.
        ceremony: Ceremony,
        /// The options as the text of one JSON object, in the form that
        /// `PublicKeyCredential.parseRequestOptionsFromJSON` takes ([`Ceremony::Get`]), or
        /// `parseCreationOptionsFromJSON` ([`Ceremony::Create`]). It contains the challenge.
        ///
        /// Opaque to the host, which does not check it. If a browser cannot read it, the page shows an error.
        options: String,
    },
}

/// The two ceremonies of Web Authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[expect(clippy::exhaustive_enums, reason = "the standard has these two")]
pub enum Ceremony {
    /// `navigator.credentials.create`: registers a new credential, for an enrolment.
    Create,
    /// `navigator.credentials.get`: proves possession of a credential, for a login.
    Get,
}

/// The name of an action, unique within its plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ActionId(Cow<'static, str>);

impl ActionId {
    /// Names an action in a constant. Hosts put the name in a form: use ASCII letters, digits, `-`, `_`.
    pub const fn from_static(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Names an action as a form did. The name may be any text, so a plugin must expect unknown ones.
    pub fn new(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_name!(ActionId);

/// Something the user can do other than submit the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Action {
    /// The name.
    pub id: ActionId,
    /// The label of the button.
    pub label: Message,
    /// When the action becomes available. An earlier call is rejected and says how long to wait.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "available_at_ms",
            with = "crate::wire::optional_instant",
            default,
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub available_at: Option<SystemTime>,
}

impl Action {
    /// Returns an action that is available at once.
    pub fn new(id: ActionId, label: Message) -> Self {
        Self { id, label, available_at: None }
    }

    /// Sets when the action becomes available.
    #[must_use]
    pub fn with_available_at(mut self, available_at: SystemTime) -> Self {
        self.available_at = Some(available_at);
        self
    }
}

/// Good news or a fact. Screen readers announce it without interrupting (`aria-live="polite"`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Notice {
    /// The text.
    pub message: Message,
}

impl Notice {
    /// Returns a notice with this text.
    pub fn new(message: Message) -> Self {
        Self { message }
    }
}

/// Why the last submission or action did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Rejection {
    /// The class, from which a host derives its status code.
    pub kind: RejectionKind,
    /// The rejected field; `None` for an action or the whole prompt.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub field: Option<Cow<'static, str>>,
    /// The text.
    pub message: Message,
    /// From when on another attempt makes sense, if that is known.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "retry_at_ms",
            with = "crate::wire::optional_instant",
            default,
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub retry_at: Option<SystemTime>,
}

impl Rejection {
    /// Returns a rejection of the whole prompt.
    pub fn new(kind: RejectionKind, message: Message) -> Self {
        Self { kind, field: None, message, retry_at: None }
    }

    /// Sets the rejected field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Sets from when on another attempt makes sense.
    #[must_use]
    pub fn with_retry_at(mut self, retry_at: SystemTime) -> Self {
        self.retry_at = Some(retry_at);
        self
    }
}

/// The class of a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum RejectionKind {
    /// What was asked for has expired, such as a code.
    Expired,
    /// The form of the value is wrong. No attempt was counted.
    Malformed,
    /// Too soon or too often. See [`Rejection::retry_at`].
    TooMany,
    /// A service that the plugin needs did not respond. Nothing was decided.
    Unavailable,
    /// The form of the value is right, the value is wrong.
    Wrong,
}
