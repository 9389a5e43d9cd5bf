//! The last line of a message, which binds the code to a web site: `@auth.example.jp #123456` (WICG,
//! *Origin-bound one-time codes delivered via SMS*). Phones offer the code only on that site.

use std::{fmt, str::FromStr};

use thiserror::Error;
use zeroize::Zeroizing;

/// The host that a code is bound to: a domain name in lower-case ASCII. The scheme is always `https`.
///
/// ```
/// use otp_core::message::Host;
///
/// assert_eq!(Host::new("auth.example.jp")?.as_str(), "auth.example.jp");
/// assert!(Host::new("https://auth.example.jp").is_err());
/// assert!(Host::new("auth.example.jp:8443").is_err());
/// # Ok::<(), otp_core::message::InvalidHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// Checks a host name and converts it to lower case. An international name must be in its `xn--` form.
    ///
    /// A port is refused, as browsers refuse it. For `http://localhost:8080` in development take `localhost`.
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] for a scheme, a port, a path, an IP address, or a text that is not a domain name.
    pub fn new(name: &str) -> Result<Self, InvalidHost> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let last_is_number = name.rsplit('.').next().is_some_and(|label| {
            label.bytes().all(|b| b.is_ascii_digit()) || label.starts_with("0x")
        });
        if name.len() > 253 || !name.split('.').all(is_label) || last_is_number {
            return Err(InvalidHost);
        }
        Ok(Self(name.to_ascii_lowercase()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Host {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(name: &str) -> Result<Self, InvalidHost> {
        Self::new(name)
    }
}

/// The error of [`Host::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a bare host name (no scheme, port, path or ip address)")]
pub struct InvalidHost;

/// The last line of a message: which code a browser offers, and on which site.
///
/// [`parse`](Self::parse) reads the line as a browser does. [`line`](Self::line) writes it.
///
/// ```
/// use otp_core::message::{Host, OriginBound};
///
/// let bound = OriginBound::parse("認証コード 123456\n@auth.example.jp #123456").unwrap();
/// assert_eq!(bound.host().as_str(), "auth.example.jp");
/// assert_eq!(bound.expose_code(), "123456");
/// assert_eq!(*bound.line(), "@auth.example.jp #123456");
/// ```
pub struct OriginBound {
    host: Host,
    pub(super) code: Zeroizing<String>,
    embedded: Option<Host>,
}

impl OriginBound {
    /// Binds `code` to `host`.
    ///
    /// # Errors
    ///
    /// [`InvalidBoundCode`] if the code is empty or contains ASCII white space.
    pub fn new(host: Host, code: &str) -> Result<Self, InvalidBoundCode> {
        if code.is_empty() || code.contains(is_ascii_space) {
            return Err(InvalidBoundCode);
        }
        Ok(Self { host, code: Zeroizing::new(code.to_owned()), embedded: None })
    }

    /// Binds the code to a frame of another host within the page.
    ///
    /// Avoid it: the proposal writes the embedded host with `@`, one vendor's documentation with `%`.
    #[must_use]
    pub fn with_embedded(mut self, embedded: Host) -> Self {
        self.embedded = Some(embedded);
        self
    }

    /// Reads the last line of a message: `@`, the host, one space, `#`, the code, and optionally one space, `@`
    /// and an embedded host.
    ///
    /// The line must begin with `@`. Text after the code is ignored. A line ends with LF or CRLF. A line end at
    /// the end of the message does not begin another line.
    pub fn parse(message: &str) -> Option<Self> {
        let message = message.strip_suffix('\n').unwrap_or(message);
        let line = message.rsplit('\n').next()?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (host, rest) = word(line.strip_prefix('@')?);
        let host = Host::new(host).ok()?;
        let (code, rest) = word(rest.strip_prefix(" #")?);
        let bound = Self::new(host, code).ok()?;
        let embedded = rest.strip_prefix(" @").and_then(|rest| Host::new(word(rest).0).ok());
        Some(Self { embedded, ..bound })
    }

    /// Returns the line without a line end. It contains the code: treat it as a secret.
    pub fn line(&self) -> Zeroizing<String> {
        let (at, embedded) = match &self.embedded {
            Some(host) => (" @", host.as_str()),
            None => ("", ""),
        };
        // `concat` allocates once, so no shorter copy of the code is left behind.
        Zeroizing::new(["@", self.host.as_str(), " #", &self.code, at, embedded].concat())
    }

    /// Returns the host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the embedded host, if there is one.
    pub const fn embedded(&self) -> Option<&Host> {
        self.embedded.as_ref()
    }

    /// Returns the code.
    pub fn expose_code(&self) -> &str {
        &self.code
    }
}

impl fmt::Debug for OriginBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginBound")
            .field("host", &self.host)
            .field("embedded", &self.embedded)
            .finish_non_exhaustive()
    }
}

/// The error of [`OriginBound::new`]: the code is empty or contains white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the code of an origin-bound line is empty or has white space")]
pub struct InvalidBoundCode;

/// ASCII white space as the web platform defines it.
const fn is_ascii_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{c}' | '\r' | ' ')
}

/// Splits `text` before its first white space.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(is_ascii_space).unwrap_or(text.len()))
}
