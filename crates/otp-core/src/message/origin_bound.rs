//! The last line that binds a code to a web site, so that phones fill it in there and nowhere else:
//! `@auth.example.jp #123456` (WICG, *Origin-bound one-time codes delivered via SMS*).

use std::{fmt, str::FromStr};

use thiserror::Error;
use zeroize::Zeroizing;

/// The host that a code is bound to: a domain name in lower-case ASCII, as `https` always is meant.
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
    /// Checks a host name. Upper-case letters are lowered; an international name has to be given in
    /// its `xn--` form.
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] for a scheme, a port, a path, an IP address, or what is no domain name.
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

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(name: &str) -> Result<Self, InvalidHost> {
        Self::new(name)
    }
}

/// What no code can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a bare host name (no scheme, port, path or ip address)")]
pub struct InvalidHost;

/// What the last line of a message says: which code to fill in, and where.
///
/// [`parse`](Self::parse) reads it as a browser does; [`line`](Self::line) writes it.
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
    /// Binds `code` to `host`; `None` if the code is empty or has ASCII white space in it.
    pub fn new(host: Host, code: &str) -> Option<Self> {
        let is_code = !code.is_empty() && !code.contains(is_ascii_space);
        is_code.then(|| Self { host, code: Zeroizing::new(code.to_owned()), embedded: None })
    }

    /// Binds the code to a frame of another host within the page.
    ///
    /// The proposal writes it with `@`, one vendor's page with `%`: better do not embed.
    #[must_use]
    pub fn with_embedded(mut self, embedded: Host) -> Self {
        self.embedded = Some(embedded);
        self
    }

    /// Reads the last line of a message: `@`, the host, one space, `#`, the code, and perhaps one
    /// space, `@` and an embedded host. Nothing may stand before the first `@`; what follows is
    /// ignored. A line ends in LF or CRLF, and an end of line at the very end opens no other line.
    pub fn parse(message: &str) -> Option<Self> {
        let message = message.strip_suffix('\n').unwrap_or(message);
        let line = message.rsplit('\n').next()?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (host, rest) = word(line.strip_prefix('@')?);
        let host = Host::new(host).ok()?;
        let (code, rest) = word(rest.strip_prefix(" #")?);
        let bound = Self::new(host, code)?;
        let embedded = rest.strip_prefix(" @").and_then(|rest| Host::new(word(rest).0).ok());
        Some(Self { embedded, ..bound })
    }

    /// The line, without an end of line. It holds the code: treat it as one.
    pub fn line(&self) -> Zeroizing<String> {
        let (at, embedded) = match &self.embedded {
            Some(host) => (" @", host.as_str()),
            None => ("", ""),
        };
        // `concat` allocates once, so no shorter copy with the code is left behind.
        Zeroizing::new(["@", self.host.as_str(), " #", &self.code, at, embedded].concat())
    }

    /// The host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The embedded host, if there is one.
    pub const fn embedded(&self) -> Option<&Host> {
        self.embedded.as_ref()
    }

    /// The code.
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

/// ASCII white space as the web platform defines it.
const fn is_ascii_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{c}' | '\r' | ' ')
}

/// The text before the first white space, and the rest with it.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(is_ascii_space).unwrap_or(text.len()))
}
