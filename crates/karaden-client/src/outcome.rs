//! The outcomes of a send, in types that prevent an accidental second send.
//!
//! ```text
//!                     ┌─ Ok(Accepted)                     Karaden has it
//!  send(message) ─────┼─ Ok(Refused)      ── message back Karaden refused it: not sent
//!                     ├─ Err(NotSent)     ── message back definitely not sent
//!                     └─ Err(Unknown)                     it may have been sent
//!                            │ resolve
//!                            ├─ Accepted                  found by its tag or tracking code
//!                            ├─ NotSent   ── message back absent for long enough
//!                            └─ Unknown                   still not known
//! ```

use std::{error::Error as StdError, fmt, time::Duration};

use crate::{error::Error, refusal::RefusalReason, waiting::SHORTEST_INTERVAL};

/// How long before `now`, and where the API can tell after it, `resolve` looks for a message.
pub(crate) const LOOK_AROUND: Duration = Duration::from_secs(24 * 60 * 60);

/// A send that got a response. `A` describes an accepted message, `M` is the message.
///
/// `Ok` of a send does not mean *accepted*: Karaden's refusals (wrong token, invalid number, rate limit)
/// are here too, because they give the message back. [`into_accepted`](Self::into_accepted) turns them
/// into an error:
///
/// ```
/// use karaden_client::{Error, sms};
///
/// async fn send(client: &sms::Client, message: sms::NewMessage) -> Result<sms::MessageId, Error> {
///     Ok(client.send(message).await?.into_accepted()?.id)
/// }
/// ```
#[derive(Debug)]
#[must_use = "`Ok` does not mean accepted: a refused message was not sent. See `into_accepted`"]
pub enum SendOutcome<A, M> {
    /// Karaden accepted the message.
    Accepted(A),
    /// Karaden refused the message. It was not sent.
    Refused(Refusal<M>),
}

impl<A, M> SendOutcome<A, M> {
    /// Returns the accepted message, or the refusal as an error.
    ///
    /// # Errors
    ///
    /// The [`Refusal`], which holds the message. `?` turns it into an [`Error`].
    pub fn into_accepted(self) -> Result<A, Refusal<M>> {
        match self {
            Self::Accepted(accepted) => Ok(accepted),
            Self::Refused(refusal) => Err(refusal),
        }
    }

    /// Returns whether Karaden accepted the message.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

/// A refusal by Karaden, with the message, which can be sent again once the cause is fixed.
///
/// `Display` shows the word of the reason, the HTTP status and Karaden's code.
pub struct Refusal<M> {
    error: Error,
    message: Box<M>,
}

impl<M> Refusal<M> {
    /// Returns Karaden's reason.
    pub fn reason(&self) -> &RefusalReason {
        self.error.refusal().unwrap_or(&RefusalReason::Other(None))
    }

    /// Returns how long Karaden asked to wait, for [`RefusalReason::RateLimited`].
    pub fn retry_after(&self) -> Option<Duration> {
        self.error.retry_after()
    }

    /// Returns the refusal as an error: status, code, fields.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Returns the refusal as an error and drops the message.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// Returns Karaden's texts about the fields that it found invalid. They may quote the number and the
    /// text of the message: do not log them. See [`Error::expose_field_texts`].
    pub fn expose_field_texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.error.expose_field_texts()
    }

    /// Returns the message, which was not sent.
    pub fn into_message(self) -> M {
        *self.message
    }
}

impl<M> fmt::Display for Refusal<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Karaden refused the message")?;
        self.error.fmt_response(f)
    }
}

impl<M> StdError for Refusal<M> {
    /// Returns the source of [`error`](Self::error), which `Display` shows already.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

impl<M> From<Refusal<M>> for Error {
    fn from(refusal: Refusal<M>) -> Self {
        refusal.into_error()
    }
}

impl<M> fmt::Debug for Refusal<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal").field("reason", self.reason()).finish_non_exhaustive()
    }
}

/// A send without a response that tells its outcome.
pub enum SendError<M> {
    /// The message was not sent. [`NotSent::into_message`] returns it so that it can be sent again.
    NotSent(NotSent<M>),
    /// The message may have been sent. It comes back only after that is resolved.
    Unknown(UnknownSend<M>),
}

impl<M> SendError<M> {
    /// Returns whether the message was definitely not sent.
    pub fn is_definitely_not_sent(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }

    /// Returns whether the message may have been sent.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Returns the cause.
    pub fn error(&self) -> &Error {
        match self {
            Self::NotSent(not_sent) => &not_sent.error,
            Self::Unknown(unknown) => &unknown.error,
        }
    }

    /// Returns the cause and drops the message.
    pub fn into_error(self) -> Error {
        match self {
            Self::NotSent(not_sent) => not_sent.error,
            Self::Unknown(unknown) => unknown.error,
        }
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent(_) => "the message was not sent",
            Self::Unknown(_) => "it is unknown whether the message was sent",
        })
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(not_sent) => not_sent.fmt(f),
            Self::Unknown(unknown) => unknown.fmt(f),
        }
    }
}

impl<M> StdError for SendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.error())
    }
}

impl<M> From<SendError<M>> for Error {
    fn from(error: SendError<M>) -> Self {
        error.into_error()
    }
}

/// A message that was definitely not sent, and the cause.
pub struct NotSent<M> {
    error: Error,
    message: Box<M>,
}

impl<M> NotSent<M> {
    /// Returns the cause.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Returns the message, which may be sent again.
    pub fn into_message(self) -> M {
        *self.message
    }
}

impl<M> fmt::Debug for NotSent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotSent").field("error", &self.error).finish_non_exhaustive()
    }
}

/// A message that may have been sent.
///
/// It keeps the message until `resolve` finds out, so that the message cannot be sent twice by
/// accident. Each API has its own `resolve`, which looks up the tag or the tracking code.
///
/// Sending again after an unknown outcome does not compile:
///
/// ```compile_fail,E0599
/// # async fn example(client: karaden_client::sms::Client, message: karaden_client::sms::NewMessage) {
/// use karaden_client::SendError;
/// if let Err(SendError::Unknown(unknown)) = client.send(message).await {
///     let _again = client.send(unknown.into_message()).await;
/// }
/// # }
/// ```
///
/// Neither does keeping a copy, or using the message after it was sent:
///
/// ```compile_fail,E0599
/// # async fn example(client: karaden_client::sms::Client, message: karaden_client::sms::NewMessage) {
/// let _first = client.send(message.clone()).await;
/// # }
/// ```
///
/// ```compile_fail,E0382
/// # async fn example(client: karaden_client::push::Client, message: karaden_client::push::NewMessage) {
/// let _first = client.send(message).await;
/// let _second = client.send(message).await;
/// # }
/// ```
#[must_use = "an unknown outcome should be resolved, or reported as unknown"]
pub struct UnknownSend<M> {
    error: Error,
    look_up_error: Option<Error>,
    message: Box<M>,
}

impl<M> UnknownSend<M> {
    /// Returns the cause of the unknown outcome.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Returns the error of the last look-up, if that failed.
    pub fn look_up_error(&self) -> Option<&Error> {
        self.look_up_error.as_ref()
    }

    pub(crate) fn message(&self) -> &M {
        &self.message
    }

    /// Returns the message. Call this only if you know from another source that it was not sent.
    ///
    /// Dangerous: if it was sent, sending it again delivers and bills it twice.
    pub fn dangerous_assume_not_sent(self) -> M {
        *self.message
    }

    pub(crate) fn with_look_up_error(mut self, error: Error) -> Self {
        self.look_up_error = Some(error);
        self
    }
}

impl<M> fmt::Debug for UnknownSend<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownSend")
            .field("error", &self.error)
            .field("look_up_error", &self.look_up_error)
            .finish_non_exhaustive()
    }
}

/// The result of `resolve`.
#[derive(Debug)]
#[must_use = "a message that was not sent may be sent again"]
pub enum Resolution<A, M> {
    /// The message was sent. This is its present state.
    Accepted(A),
    /// The message was not sent: it was absent for as long as the policy demands.
    NotSent(M),
    /// The outcome is still unknown.
    Unknown(UnknownSend<M>),
}

/// How long `resolve` looks a message up, and when an absent message counts as not sent.
///
/// A request can arrive after the client gave it up, so one look-up that finds nothing proves
/// nothing. The message counts as not sent once every look-up during the absence window succeeded and
/// found nothing. A wait that the server asks for is respected, unless it ends after the timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolvePolicy {
    pub(crate) absence_window: Duration,
    pub(crate) timeout: Duration,
    pub(crate) first_interval: Duration,
    pub(crate) longest_interval: Duration,
}

impl Default for ResolvePolicy {
    /// Absence window 30 s, timeout 90 s; look-ups at once, then after 1 s, 2 s, 4 s, 8 s, 8 s …
    fn default() -> Self {
        Self {
            absence_window: Duration::from_secs(30),
            timeout: Duration::from_secs(90),
            first_interval: Duration::from_secs(1),
            longest_interval: Duration::from_secs(8),
        }
    }
}

impl ResolvePolicy {
    /// Sets how long a message must be absent to count as not sent. Default 30 s.
    #[must_use]
    pub fn with_absence_window(mut self, absence_window: Duration) -> Self {
        self.absence_window = absence_window;
        self
    }

    /// Sets after how long the outcome stays unknown. Default 90 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the first and the longest wait between look-ups. The wait doubles. Less than 100 ms counts as
    /// 100 ms. Default 1 s and 8 s.
    #[must_use]
    pub fn with_intervals(mut self, first: Duration, longest: Duration) -> Self {
        self.first_interval = first.max(SHORTEST_INTERVAL);
        self.longest_interval = longest.max(SHORTEST_INTERVAL);
        self
    }
}

/// Turns the result of a send call into the outcome types.
pub(crate) fn to_send_result<A, M>(
    result: Result<A, Error>,
    message: M,
) -> Result<SendOutcome<A, M>, SendError<M>> {
    match result {
        Ok(accepted) => Ok(SendOutcome::Accepted(accepted)),
        // Unknown before refused: an error can carry a refusal and still be unknown, such as a
        // documented code under HTTP 5xx. Then the message must not come back.
        Err(error) if error.is_outcome_unknown() => {
            let message = Box::new(message);
            Err(SendError::Unknown(UnknownSend { error, look_up_error: None, message }))
        }
        Err(error) if error.refusal().is_some() => {
            Ok(SendOutcome::Refused(Refusal { error, message: Box::new(message) }))
        }
        Err(error) => Err(SendError::NotSent(NotSent { error, message: Box::new(message) })),
    }
}

/// Looks a message up until its outcome is known or the policy's timeout passes.
///
/// `look_up` returns `Ok(None)` if the message is absent.
pub(crate) async fn resolve<A, M, F>(
    mut unknown: UnknownSend<M>,
    policy: &ResolvePolicy,
    look_up: impl Fn() -> F,
) -> Resolution<A, M>
where
    F: Future<Output = Result<Option<A>, Error>>,
{
    let began = tokio::time::Instant::now();
    let mut absent_since = None;
    let mut interval = policy.first_interval;
    loop {
        let mut wait = interval;
        match look_up().await {
            Ok(Some(found)) => return Resolution::Accepted(found),
            Ok(None) => {
                unknown.look_up_error = None;
                let now = tokio::time::Instant::now();
                let since = *absent_since.get_or_insert(now);
                if now.duration_since(since) >= policy.absence_window {
                    return Resolution::NotSent(*unknown.message);
                }
            }
            Err(error) => {
                // A failed look-up proves nothing: absence must be observed again from the start.
                absent_since = None;
                wait = wait.max(error.retry_after().unwrap_or_default());
                unknown.look_up_error = Some(error);
            }
        }
        if began.elapsed().saturating_add(wait) > policy.timeout {
            return Resolution::Unknown(unknown);
        }
        tokio::time::sleep(wait).await;
        interval = interval.saturating_mul(2).min(policy.longest_interval);
    }
}
