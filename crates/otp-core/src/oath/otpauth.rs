//! The `otpauth:` URI (the Key URI Format that authenticator apps read from a QR code).

use std::{fmt, time::Duration};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    hotp::{Counter, Hotp},
    secret::{Algorithm, OathSecret},
    totp::Totp,
};

/// The issuer and the account of the codes, as an app shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    issuer: Option<String>,
    account: String,
}

impl Label {
    /// Creates the label of an account at an issuer.
    ///
    /// # Errors
    ///
    /// [`InvalidUri::Label`] if the account or a given issuer is empty, or contains a colon or a control
    /// character.
    pub fn new(issuer: Option<&str>, account: &str) -> Result<Self, InvalidUri> {
        let is_name = |name: &str| {
            !name.trim().is_empty() && !name.contains(|c: char| c == ':' || c.is_control())
        };
        if !is_name(account) || !issuer.is_none_or(is_name) {
            return Err(InvalidUri::Label);
        }
        Ok(Self {
            issuer: issuer.map(|issuer| issuer.trim().to_owned()),
            account: account.trim().to_owned(),
        })
    }

    /// Returns the issuer, if there is one.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Returns the account.
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// What changes from code to code.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Moving {
    /// A counter, and its next value.
    Counter(Hotp, Counter),
    /// Time.
    Time(Totp),
}

/// The data for an authenticator app: the secret, the way to compute codes, and the label.
///
/// ```
/// use std::time::Duration;
///
/// use otp_core::oath::{Algorithm, Label, Moving, OathSecret, Otpauth, Totp};
///
/// let secret = OathSecret::random(Algorithm::Sha1);
/// let totp = Totp::new(secret, Algorithm::Sha1, 6, Duration::from_secs(30))?;
/// let uri = Otpauth::new(Label::new(Some("みどり銀行"), "alice")?, Moving::Time(totp)).to_uri();
/// assert!(uri.starts_with("otpauth://totp/%E3%81%BF"));
/// assert!(uri.ends_with("&algorithm=SHA1&digits=6&period=30"));
/// assert_eq!(Otpauth::parse(&uri)?.label().account(), "alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Otpauth {
    label: Label,
    moving: Moving,
}

impl Otpauth {
    /// Creates it from its parts.
    pub const fn new(label: Label, moving: Moving) -> Self {
        Self { label, moving }
    }

    /// Returns the issuer and the account of the codes.
    pub const fn label(&self) -> &Label {
        &self.label
    }

    /// Returns how the codes are made.
    pub const fn moving(&self) -> &Moving {
        &self.moving
    }

    /// Returns the parts.
    pub fn into_parts(self) -> (Label, Moving) {
        (self.label, self.moving)
    }

    /// Returns the URI. It contains the secret: show it to its user once, and keep it out of logs.
    pub fn to_uri(&self) -> Zeroizing<String> {
        let (kind, secret, algorithm, digits, moving) = match &self.moving {
            Moving::Counter(hotp, Counter(next)) => {
                ("hotp", hotp.secret(), hotp.algorithm(), hotp.format().len(), ("counter", *next))
            }
            Moving::Time(totp) => {
                let period = ("period", totp.period().as_secs());
                ("totp", totp.secret(), totp.algorithm(), totp.format().len(), period)
            }
        };
        let account = Percent(&self.label.account);
        let (prefix, parameter) = match self.label.issuer.as_deref().map(Percent) {
            Some(issuer) => (format!("{issuer}:"), format!("&issuer={issuer}")),
            None => (String::new(), String::new()),
        };
        let (name, value) = moving;
        let before = format!("otpauth://{kind}/{prefix}{account}?secret=");
        let algorithm = algorithm.name();
        let after = format!("{parameter}&algorithm={algorithm}&digits={digits}&{name}={value}");
        // `concat` allocates once, so no shorter copy of the secret is left behind.
        Zeroizing::new([&before, secret.expose_base32().as_str(), &after].concat())
    }

    /// Reads a URI. It must have a secret. Defaults: SHA-1, 6 digits, 30 seconds.
    ///
    /// Unknown parameters are ignored. A parameter that is given twice is an error.
    ///
    /// # Errors
    ///
    /// [`InvalidUri`], which names the wrong part and repeats nothing of it.
    pub fn parse(uri: &str) -> Result<Self, InvalidUri> {
        let rest = strip_prefix_any_case(uri, "otpauth://").ok_or(InvalidUri::Scheme)?;
        let (kind, rest) = rest.split_once('/').ok_or(InvalidUri::Kind)?;
        let (label, query) = rest.split_once('?').ok_or(InvalidUri::Secret)?;
        let parameters = Parameters::parse(query)?;
        let label = parameters.label(label)?;
        let secret = parameters.secret.ok_or(InvalidUri::Secret)?;
        let algorithm = parameters.algorithm.unwrap_or_default();
        let digits = parameters.digits.unwrap_or(6);
        let moving = if kind.eq_ignore_ascii_case("totp") {
            let period = Duration::from_secs(parameters.period.unwrap_or(30));
            let totp = Totp::new(secret, algorithm, digits, period);
            Moving::Time(totp.map_err(|_| InvalidUri::Parameter)?)
        } else if kind.eq_ignore_ascii_case("hotp") {
            let counter = Counter(parameters.counter.ok_or(InvalidUri::Parameter)?);
            let hotp = Hotp::new(secret, algorithm, digits);
            Moving::Counter(hotp.map_err(|_| InvalidUri::Parameter)?, counter)
        } else {
            return Err(InvalidUri::Kind);
        };
        Ok(Self { label, moving })
    }
}

/// The error of [`Otpauth::parse`]: which part of the URI is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidUri {
    /// The kind is neither `totp` nor `hotp`.
    #[error("the kind is neither totp nor hotp")]
    Kind,
    /// There is no account, or the issuer of the label is not that of the parameter.
    #[error("the label is not an account, or its issuer is not that of the parameter")]
    Label,
    /// A parameter is given twice, out of range, missing, or not text.
    #[error("a parameter is missing, repeated or out of range")]
    Parameter,
    /// The scheme is not `otpauth://`.
    #[error("the scheme is not otpauth")]
    Scheme,
    /// There is no secret, or it is too short or not in base 32.
    #[error("there is no usable secret")]
    Secret,
}

#[derive(Default)]
struct Parameters {
    secret: Option<OathSecret>,
    issuer: Option<String>,
    algorithm: Option<Algorithm>,
    digits: Option<u8>,
    period: Option<u64>,
    counter: Option<u64>,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, InvalidUri> {
        let mut parameters = Self::default();
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(InvalidUri::Parameter)?;
            let value = decode(value).ok_or(InvalidUri::Parameter)?;
            let is_new = match name {
                "secret" => {
                    let secret = OathSecret::from_base32(&value).map_err(|_| InvalidUri::Secret)?;
                    parameters.secret.replace(secret).is_none()
                }
                "issuer" => parameters.issuer.replace(value.to_string()).is_none(),
                "algorithm" => {
                    let algorithm = Algorithm::from_name(&value).ok_or(InvalidUri::Parameter)?;
                    parameters.algorithm.replace(algorithm).is_none()
                }
                "digits" => parameters.digits.replace(number(&value)?).is_none(),
                "period" => parameters.period.replace(number(&value)?).is_none(),
                "counter" => parameters.counter.replace(number(&value)?).is_none(),
                _ => true,
            };
            if !is_new {
                return Err(InvalidUri::Parameter);
            }
        }
        Ok(parameters)
    }

    /// Returns the label of the path. If it has no issuer, the parameter's is used.
    fn label(&self, path: &str) -> Result<Label, InvalidUri> {
        let path = decode(path).ok_or(InvalidUri::Label)?;
        let (prefix, account) = match path.split_once(':') {
            Some((issuer, account)) => (Some(issuer.trim()), account),
            None => (None, path.as_str()),
        };
        let parameter = self.issuer.as_deref().map(str::trim);
        match (prefix, parameter) {
            (Some(prefix), Some(parameter)) if prefix != parameter => Err(InvalidUri::Label),
            (prefix, parameter) => Label::new(prefix.or(parameter), account),
        }
    }
}

/// Reads a decimal number without a sign.
fn number<T: std::str::FromStr>(text: &str) -> Result<T, InvalidUri> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or(InvalidUri::Parameter)
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Shows text with all but the unreserved characters of RFC 3986 percent-encoded.
#[derive(Clone, Copy)]
struct Percent<'a>(&'a str);

impl fmt::Display for Percent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(f, "{}", char::from(byte))
            }
            _ => write!(f, "%{byte:02X}"),
        })
    }
}

/// Decodes percent-encoding; `None` for a broken escape or invalid UTF-8. `+` is a plus.
pub(super) fn decode(text: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (escape, after) = rest.split_first_chunk::<2>()?;
        let hex =
            str::from_utf8(escape).ok().filter(|_| escape.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = after;
    }
    // Checked in place first: the error of `String::from_utf8` would hold the bytes and not wipe them.
    str::from_utf8(&bytes).ok()?;
    String::from_utf8(std::mem::take(&mut *bytes)).ok().map(Zeroizing::new)
}
