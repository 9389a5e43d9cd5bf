//! The kinds of errors.

/// The kinds of [`Error`](crate::Error).
///
/// For a refusal by Karaden, [`RefusalReason`](crate::RefusalReason) says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client is configured with an unusable value, such as a base URL without TLS.
    Config,
    /// A local check refused a value before anything was sent. See [`Error::invalid`](crate::Error::invalid).
    InvalidInput,
    /// No connection took the request: name look-up, TCP, TLS or proxy failed.
    Connect,
    /// No complete response came in time.
    Timeout,
    /// The connection broke, and the request may have been sent.
    Interrupted,
    /// The response is not what the API promises: not JSON, empty, compressed or without its id.
    Decode,
    /// The response is longer than the configured limit.
    TooLarge,
    /// The server sent a redirect. Redirects are never followed with credentials.
    Redirect,
    /// The token, access key or security code was not accepted.
    Unauthenticated,
    /// Not permitted for this plan, project or address.
    Forbidden,
    /// The object does not exist or belongs to another project.
    NotFound,
    /// The object was already used, such as a bulk file that was started before.
    Conflict,
    /// Too many requests. See [`Error::retry_after`](crate::Error::retry_after).
    RateLimited,
    /// Karaden refused the request. See [`Error::refusal`](crate::Error::refusal).
    Refused,
    /// The server failed (HTTP 5xx, or status 999).
    Server,
    /// The wait ended before the expected state was reached.
    GaveUp,
    /// A bulk send ended in Karaden's state `error`.
    BulkFailed,
}

impl ErrorKind {
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::Config => "the client is misconfigured",
            Self::InvalidInput => "a local check refused a value",
            Self::Connect => "no connection to the server",
            Self::Timeout => "no complete response in time",
            Self::Interrupted => "the connection broke before the response was complete",
            Self::Decode => "the response is not what the API promises",
            Self::TooLarge => "the response is longer than allowed",
            Self::Redirect => "the server sent a redirect",
            Self::Unauthenticated => "the credentials were not accepted",
            Self::Forbidden => "the request is not permitted",
            Self::NotFound => "the object was not found",
            Self::Conflict => "the object was already used",
            Self::RateLimited => "too many requests",
            Self::Refused => "the request was refused",
            Self::Server => "the server failed",
            Self::GaveUp => "gave up waiting",
            Self::BulkFailed => "the bulk send failed",
        }
    }
}
