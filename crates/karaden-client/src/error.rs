//! The one error of this crate.

use std::{error::Error as StdError, fmt, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use crate::{invalid::Invalid, operation::Operation, redact, refusal::RefusalReason};

/// What went wrong, in the words a program can decide on.
///
/// An error of this crate never shows a token, a security code, a phone number or a message text:
/// not in `Display`, not in `Debug`, not in its sources. Its `Display` is one phrase and does not
/// repeat the source.
///
/// ```
/// use karaden_client::{ErrorKind, PhoneNumber};
///
/// let error = karaden_client::Error::from(PhoneNumber::new("03-1234-5678").unwrap_err());
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert!(error.is_definitely_not_sent());
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    effect: Effect,
    operation: Option<Operation>,
    status: Option<u16>,
    code: Option<Box<str>>,
    retry_after: Option<Duration>,
    refusal: Option<RefusalReason>,
    fields: Vec<String>,
    invalid: Option<Invalid>,
    server_text: Option<SecretString>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client was set up with something unusable, such as a base URL without TLS.
    Config,
    /// A local check refused a value before anything was sent; see [`Error::invalid`].
    InvalidInput,
    /// No connection could be made: name look-up, TCP, TLS or proxy.
    Connect,
    /// No complete answer came within the time allowed.
    Timeout,
    /// The connection broke after the request may have left.
    Interrupted,
    /// The answer is not what the API promises: not JSON, empty, compressed or without its id.
    Decode,
    /// The answer is longer than the configured bound.
    TooLarge,
    /// The server pointed elsewhere; redirects are never followed with credentials.
    Redirect,
    /// The token, access key or security code was not accepted.
    Unauthenticated,
    /// Not permitted for this plan, project or address.
    Forbidden,
    /// The object does not exist or belongs to another project.
    NotFound,
    /// The object was used already, such as a bulk file that was sent before.
    Conflict,
    /// Too many requests; see [`Error::retry_after`].
    RateLimited,
    /// Karaden refused the request for a reason of its own; see [`Error::refusal`].
    Refused,
    /// The server reports a fault of its own (HTTP 5xx, or status 999).
    Server,
    /// Waiting ended before the awaited state was reached.
    GaveUp,
    /// A bulk send ended in Karaden's state `error`.
    BulkFailed,
}

impl ErrorKind {
    fn phrase(self) -> &'static str {
        match self {
            Self::Config => "the client is not set up correctly",
            Self::InvalidInput => "a local check refused a value",
            Self::Connect => "no connection to the server",
            Self::Timeout => "no complete answer in time",
            Self::Interrupted => "the connection broke before the answer was complete",
            Self::Decode => "the answer is not what the API promises",
            Self::TooLarge => "the answer is longer than allowed",
            Self::Redirect => "the server answered with a redirect",
            Self::Unauthenticated => "the credentials were not accepted",
            Self::Forbidden => "the request is not permitted",
            Self::NotFound => "the object was not found",
            Self::Conflict => "the object was used already",
            Self::RateLimited => "too many requests",
            Self::Refused => "the request was refused",
            Self::Server => "the server failed",
            Self::GaveUp => "gave up waiting",
            Self::BulkFailed => "the bulk send failed",
        }
    }
}

/// What a failed call may have done on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Surely nothing.
    None,
    /// It cannot be told from here.
    Unknown,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, effect: Effect) -> Self {
        Self(Box::new(Inner {
            kind,
            effect,
            operation: None,
            status: None,
            code: None,
            retry_after: None,
            refusal: None,
            fields: Vec::new(),
            invalid: None,
            server_text: None,
            source: None,
        }))
    }

    pub(crate) fn config(problem: &'static str) -> Self {
        Self::new(ErrorKind::Config, Effect::None).with_source(Phrase(problem))
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_phrase(self, phrase: &'static str) -> Self {
        self.with_source(Phrase(phrase))
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_operation(mut self, operation: Operation) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// Keeps the provider's code if it looks like one; anything else could quote the request.
    pub(crate) fn with_code(mut self, code: &str) -> Self {
        self.0.code = redact::word(code).map(Box::from);
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_refusal(mut self, reason: RefusalReason) -> Self {
        self.0.refusal = Some(reason);
        self
    }

    pub(crate) fn with_fields(mut self, fields: Vec<String>) -> Self {
        self.0.fields = fields;
        self
    }

    pub(crate) fn with_server_text(mut self, text: Option<&str>) -> Self {
        let cut = |text: &str| text.chars().take(1000).collect::<String>();
        self.0.server_text = text.filter(|text| !text.is_empty()).map(cut).map(SecretString::from);
        self
    }

    /// The same error of a call that only reads and so cannot have sent anything.
    pub(crate) fn without_effect(mut self) -> Self {
        self.0.effect = Effect::None;
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The API and the operation of the call, such as `("sms", "send")`.
    pub fn operation(&self) -> Option<(&'static str, &'static str)> {
        self.0.operation.map(|operation| (operation.api, operation.name))
    }

    /// Whether this call surely sent no message: it never left, it was refused, or it only reads.
    pub fn is_definitely_not_sent(&self) -> bool {
        self.0.effect == Effect::None
    }

    /// Whether the request may have taken effect although no proper answer came.
    ///
    /// Never send again on such an error: look the message up by its tag or tracking code.
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.effect == Effect::Unknown
    }

    /// Whether the very same call may be made again and has a chance to succeed.
    ///
    /// Never true while [`is_outcome_unknown`](Self::is_outcome_unknown) is.
    pub fn is_retryable(&self) -> bool {
        self.is_definitely_not_sent() && self.is_transient()
    }

    /// Whether the cause may pass by itself, leaving aside what the call may have done.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Connect
                | ErrorKind::Timeout
                | ErrorKind::Interrupted
                | ErrorKind::RateLimited
                | ErrorKind::Server
        )
    }

    /// Whether no complete answer came within the time allowed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Karaden's own code: a word such as `validation_error`, or a number such as `201`.
    ///
    /// `None` too when the answer's code does not look like a code.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// How long the server asked to wait before the next request, at most one day.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Why Karaden said no, when it did.
    pub fn refusal(&self) -> Option<&RefusalReason> {
        self.0.refusal.as_ref()
    }

    /// The names of the fields that Karaden found invalid, in its spelling.
    pub fn fields(&self) -> &[String] {
        &self.0.fields
    }

    /// The local check that failed, for [`ErrorKind::InvalidInput`].
    pub fn invalid(&self) -> Option<&Invalid> {
        self.0.invalid.as_ref()
    }

    /// The server's own error text, cut to 1,000 characters, for a support case.
    ///
    /// It may quote the number and the text of the message: do not log it, do not show it.
    pub fn expose_server_text(&self) -> Option<&str> {
        self.0.server_text.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        let mut error = Self::new(ErrorKind::InvalidInput, Effect::None);
        error.0.source = Some(Box::new(invalid.clone()));
        error.0.invalid = Some(invalid);
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.phrase())?;
        match (self.0.status, self.0.code.as_deref()) {
            (Some(status), Some(code)) => write!(f, " (HTTP {status}, code {code})"),
            (Some(status), None) => write!(f, " (HTTP {status})"),
            (None, Some(code)) => write!(f, " (code {code})"),
            (None, None) => Ok(()),
        }?;
        if self.is_outcome_unknown() {
            f.write_str("; whether the request took effect is unknown")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("outcome_unknown", &self.is_outcome_unknown());
        if let Some(Operation { api, name, .. }) = inner.operation {
            out.field("operation", &format_args!("{api}.{name}"));
        }
        if let Some(status) = inner.status {
            out.field("status", &status);
        }
        if let Some(code) = &inner.code {
            out.field("code", code);
        }
        if let Some(wait) = inner.retry_after {
            out.field("retry_after", &wait);
        }
        if let Some(reason) = &inner.refusal {
            out.field("refusal", reason);
        }
        if !inner.fields.is_empty() {
            out.field("fields", &inner.fields);
        }
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// A cause that is a fixed phrase of ours.
#[derive(Debug)]
pub(crate) struct Phrase(pub(crate) &'static str);

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Phrase {}
