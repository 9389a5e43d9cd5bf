//! The error type of this crate.

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    error_kind::ErrorKind, invalid::Invalid, operation::Operation, redact, refusal::RefusalReason,
};

/// The error type of this crate. Branch on [`kind`](Self::kind),
/// [`is_retryable`](Self::is_retryable) and [`is_outcome_unknown`](Self::is_outcome_unknown).
///
/// `Display`, `Debug` and the sources never show a token, a security code, a phone number or a
/// message text. `Display` is one phrase and does not repeat the source. It names a problem of the
/// configuration and the word of a refusal. All other details, such as which part of TLS failed, are in the
/// sources: log the whole chain.
///
/// ```
/// use karaden_client::{ErrorKind, Recipient};
///
/// let error = karaden_client::Error::from(Recipient::new("03-1234-5678").unwrap_err());
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert!(error.is_definitely_not_sent());
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    effect: Effect,
    operation: Option<Operation>,
    problem: Option<Cow<'static, str>>,
    status: Option<u16>,
    code: Option<Box<str>>,
    retry_after: Option<Duration>,
    refusal: Option<RefusalReason>,
    fields: Vec<String>,
    field_texts: Vec<(String, SecretString)>,
    invalid: Option<Invalid>,
    server_text: Option<SecretString>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a failed call may have changed on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Definitely nothing.
    None,
    /// The client cannot tell.
    Unknown,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, effect: Effect) -> Self {
        Self(Box::new(Inner {
            kind,
            effect,
            operation: None,
            problem: None,
            status: None,
            code: None,
            retry_after: None,
            refusal: None,
            fields: Vec::new(),
            field_texts: Vec::new(),
            invalid: None,
            server_text: None,
            source: None,
        }))
    }

    /// Returns the error about a setting. `problem` is shown, so it must not have the value of a secret.
    pub(crate) fn config(problem: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(ErrorKind::Config, Effect::None);
        error.0.problem = Some(problem.into());
        error
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

    /// Keeps the provider's code if it looks like a code. Any other text could quote the request.
    pub(crate) fn with_code(mut self, code: &str) -> Self {
        self.0.code = redact::word(code).map(Box::from);
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.0.retry_after = retry_after;
        self
    }

    /// Returns the error of a refused call, which had no effect.
    pub(crate) fn refused(reason: RefusalReason) -> Self {
        Self::new(reason.error_kind(), Effect::None).with_refusal(reason)
    }

    pub(crate) fn with_refusal(mut self, reason: RefusalReason) -> Self {
        self.0.refusal = Some(reason);
        self
    }

    pub(crate) fn with_fields(mut self, fields: Vec<String>) -> Self {
        self.0.fields = fields;
        self
    }

    /// Keeps texts about fields. The caller has bounded their number.
    pub(crate) fn with_field_texts<'a>(
        mut self,
        texts: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let keep = |(field, text): (&str, &str)| (field.to_owned(), cut(text).into());
        self.0.field_texts = texts.map(keep).collect();
        self
    }

    pub(crate) fn with_server_text(mut self, text: Option<&str>) -> Self {
        self.0.server_text = text.filter(|text| !text.is_empty()).map(cut).map(SecretString::from);
        self
    }

    /// Marks the error as that of a call that only reads, and so sent nothing.
    pub(crate) fn without_effect(mut self) -> Self {
        self.0.effect = Effect::None;
        self
    }

    /// Returns the kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the API and the operation of the call, such as `("sms", "send")`.
    pub fn operation(&self) -> Option<(&'static str, &'static str)> {
        self.0.operation.map(|operation| (operation.api, operation.name))
    }

    /// Returns whether this call definitely sent no message: no connection took it, it was refused,
    /// or it only reads.
    pub fn is_definitely_not_sent(&self) -> bool {
        self.0.effect == Effect::None
    }

    /// Returns whether the request may have taken effect although no valid response came.
    ///
    /// Do not send again after such an error. Look the message up by its tag or tracking code.
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.effect == Effect::Unknown
    }

    /// Returns whether the same call may be repeated and can succeed.
    ///
    /// Never true together with [`is_outcome_unknown`](Self::is_outcome_unknown).
    pub fn is_retryable(&self) -> bool {
        self.is_definitely_not_sent() && self.is_transient()
    }

    /// Returns whether the cause is temporary, whatever the call may have done.
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

    /// Returns whether no complete response came in time.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// Returns the HTTP status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns Karaden's code: a word such as `validation_error`, or a number such as `201`.
    ///
    /// Also `None` if the code in the response does not look like one.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns how long the server asked to wait before the next request, at most one day.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns why Karaden refused the request, if it did.
    pub fn refusal(&self) -> Option<&RefusalReason> {
        self.0.refusal.as_ref()
    }

    /// Returns the names of the fields that Karaden found invalid, in its spelling.
    pub fn fields(&self) -> &[String] {
        &self.0.fields
    }

    /// Returns the local check that failed, for [`ErrorKind::InvalidInput`].
    pub fn invalid(&self) -> Option<&Invalid> {
        self.0.invalid.as_ref()
    }

    /// Returns Karaden's texts about invalid fields, for an operator: each with the name of its field. A
    /// field may have several texts. At most 20 fields and 20 texts, each cut to 1,000 characters.
    ///
    /// They may quote the number and the text of the message: do not log them or show them to a user.
    /// Neither `Debug` nor `Display` shows them.
    pub fn expose_field_texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.field_texts.iter().map(|(field, text)| (field.as_str(), text.expose_secret()))
    }

    /// Returns the server's error text for a support case, cut to 1,000 characters.
    ///
    /// It may quote the number and the text of the message: do not log it or show it.
    pub fn expose_server_text(&self) -> Option<&str> {
        self.0.server_text.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Writes what Karaden said, such as ` (restricted, HTTP 200, code 203)`; nothing if it said nothing.
    pub(crate) fn fmt_response(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.0.refusal.as_ref().map(|reason| reason.as_str().to_owned());
        let status = self.0.status.map(|status| format!("HTTP {status}"));
        let code = self.0.code.as_ref().map(|code| format!("code {code}"));
        let parts: Vec<String> = [reason, status, code].into_iter().flatten().collect();
        if parts.is_empty() { Ok(()) } else { write!(f, " ({})", parts.join(", ")) }
    }
}

/// Returns the first 1,000 characters of a text of the server.
fn cut(text: &str) -> String {
    text.chars().take(1000).collect()
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
        if let Some(problem) = &self.0.problem {
            write!(f, ": {problem}")?;
        }
        self.fmt_response(f)?;
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
        if let Some(problem) = &inner.problem {
            out.field("problem", problem);
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

/// A cause that is a fixed phrase of this crate.
#[derive(Debug)]
pub(crate) struct Phrase(pub(crate) &'static str);

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Phrase {}
