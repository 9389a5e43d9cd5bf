//! How a send ends, in types that make an accidental second send impossible.
//!
//! ```text
//!                     ┌─ Ok(Accepted)                     Karaden has it
//!  send(message) ─────┼─ Ok(Refused)      ── message back Karaden said no: surely not sent
//!                     ├─ Err(NotSent)     ── message back it surely never arrived
//!                     └─ Err(Unknown)                     it may have been sent
//!                            │ resolve
//!                            ├─ Accepted                  found by its tag or tracking code
//!                            ├─ NotSent   ── message back looked for long enough, not there
//!                            └─ Unknown                   still not known
//! ```

use std::{error::Error as StdError, fmt, time::Duration};

use crate::{error::Error, refusal::RefusalReason};

/// A send that got an answer: `A` is what Karaden says of an accepted message, `M` the message.
#[derive(Debug)]
#[must_use = "a refused message was not sent"]
pub enum SendOutcome<A, M> {
    /// Karaden accepted the message.
    Accepted(A),
    /// Karaden refused the message; it is surely not sent.
    Refused(Refusal<M>),
}

impl<A, M> SendOutcome<A, M> {
    /// What Karaden said of the accepted message, `None` if it was refused.
    pub fn accepted(self) -> Option<A> {
        match self {
            Self::Accepted(accepted) => Some(accepted),
            Self::Refused(_) => None,
        }
    }
}

/// A refusal by Karaden, with the message for another attempt after the cause is gone.
pub struct Refusal<M> {
    error: Error,
    message: M,
}

impl<M> Refusal<M> {
    /// Karaden's reason.
    pub fn reason(&self) -> &RefusalReason {
        self.error.refusal().unwrap_or(&RefusalReason::Other(None))
    }

    /// How long Karaden asked to wait, for [`RefusalReason::RateLimited`].
    pub fn retry_after(&self) -> Option<Duration> {
        self.error.retry_after()
    }

    /// The refusal as an error: status, code, fields.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The refusal as an error, for programs that treat it as one. The message is dropped.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// The message, which was surely not sent.
    pub fn into_message(self) -> M {
        self.message
    }
}

impl<M> fmt::Debug for Refusal<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal").field("reason", self.reason()).finish_non_exhaustive()
    }
}

/// A send without an answer that says what became of the message.
pub enum SendError<M> {
    /// The message surely never arrived; it can be taken back and sent again.
    NotSent(NotSent<M>),
    /// The message may have been sent. It cannot be taken back before that is resolved.
    Unknown(UnknownSend<M>),
}

impl<M> SendError<M> {
    /// Whether the message surely never arrived.
    pub fn is_definitely_not_sent(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }

    /// Whether the message may have been sent.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// What went wrong.
    pub fn error(&self) -> &Error {
        match self {
            Self::NotSent(not_sent) => &not_sent.error,
            Self::Unknown(unknown) => &unknown.error,
        }
    }

    /// What went wrong; the message is dropped.
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

/// A message that surely never arrived, and why.
pub struct NotSent<M> {
    error: Error,
    message: Box<M>,
}

impl<M> NotSent<M> {
    /// What went wrong.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The message, which may be sent again.
    pub fn into_message(self) -> M {
        *self.message
    }
}

impl<M> fmt::Debug for NotSent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotSent").field("error", &self.error).finish_non_exhaustive()
    }
}

/// A message of which it is unknown whether it was sent.
///
/// It keeps the message to itself until `resolve` finds out, so that it cannot be sent twice by
/// accident. Each API has its own `resolve`, which looks up the tag or the tracking code.
///
/// Sending on after an unknown outcome does not compile:
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
/// Nor does keeping a copy, or using the message after it was sent:
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
    /// What went wrong with the send.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// What went wrong with the last look-up, if it failed.
    pub fn look_up_error(&self) -> Option<&Error> {
        self.look_up_error.as_ref()
    }

    pub(crate) fn message(&self) -> &M {
        &self.message
    }

    /// The message, on your word that it was not sent, found out by other means.
    ///
    /// Dangerous: if it was sent after all, sending it again delivers and bills it twice.
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

/// What `resolve` found out.
#[derive(Debug)]
#[must_use = "a message that was not sent may be sent again"]
pub enum Resolution<A, M> {
    /// The message had arrived: this is what Karaden says of it now.
    Accepted(A),
    /// The message was not there for as long as the policy demands; here it is back.
    NotSent(M),
    /// It is still not known.
    Unknown(UnknownSend<M>),
}

/// How long `resolve` looks, and when it believes that a message is not there.
///
/// A request can be on its way longer than the client waited for its answer, so that one look-up
/// that finds nothing proves nothing. Only when every look-up for `absence_window` succeeded and found
/// nothing is the message taken as not sent. A server that asks for a pause gets it, unless that goes
/// beyond the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolvePolicy {
    pub(crate) absence_window: Duration,
    pub(crate) timeout: Duration,
    pub(crate) first_interval: Duration,
    pub(crate) longest_interval: Duration,
}

impl Default for ResolvePolicy {
    /// Absent for 30 s, giving up after 90 s, first look at once, then after 1 s, 2 s, 4 s, 8 s, 8 s …
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
    /// How long a message must be absent to count as not sent. Default 30 s.
    #[must_use]
    pub fn with_absence_window(mut self, absence_window: Duration) -> Self {
        self.absence_window = absence_window;
        self
    }

    /// When to give up and leave it unknown. Default 90 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The first and the longest wait between look-ups; it doubles. Default 1 s and 8 s.
    #[must_use]
    pub fn with_intervals(mut self, first: Duration, longest: Duration) -> Self {
        self.first_interval = first;
        self.longest_interval = longest;
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
        Err(error) if error.is_outcome_unknown() => {
            let message = Box::new(message);
            Err(SendError::Unknown(UnknownSend { error, look_up_error: None, message }))
        }
        Err(error) if error.refusal().is_some() => {
            Ok(SendOutcome::Refused(Refusal { error, message }))
        }
        Err(error) => Err(SendError::NotSent(NotSent { error, message: Box::new(message) })),
    }
}

/// Looks until it is known what became of the message, or the policy ends it.
///
/// `look` answers `Ok(None)` for "not there".
pub(crate) async fn resolve<A, M, F>(
    mut unknown: UnknownSend<M>,
    policy: &ResolvePolicy,
    look: impl Fn() -> F,
) -> Resolution<A, M>
where
    F: Future<Output = Result<Option<A>, Error>>,
{
    let began = tokio::time::Instant::now();
    let mut absent_since = None;
    let mut interval = policy.first_interval;
    loop {
        let mut wait = interval;
        match look().await {
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
