//! The template of a message, checked when it is configured, not when a message is sent.

use std::{fmt, time::Duration};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    limit::{TextLimit, TooLong},
    links::has_link,
    origin_bound::Host,
    segments::Length,
};
use crate::{code::OtpCode, format::CodeFormat};

/// Whether a message may contain links. Exhaustive: it may or it may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Links {
    /// It must not: links in such messages teach people to follow links in messages. The default.
    ///
    /// A link is a text that some phone turns into one: a scheme, `www.`, an IPv4 address, or a dot between a
    /// letter or digit of any script and a top-level domain. The code and the minutes count as digits or
    /// letters, so `{code}.Do not share` contains a link.
    #[default]
    Refused,
    /// It may.
    Allowed,
}

/// The settings of a template. All but the first four have defaults.
#[derive(Clone, Debug)]
pub struct TemplateSettings<'a> {
    words: &'a str,
    service: &'a str,
    code: CodeFormat,
    limit: TextLimit,
    host: Option<Host>,
    longest_lifetime: Duration,
    links: Links,
}

impl<'a> TemplateSettings<'a> {
    /// Default of [`with_longest_lifetime`](Self::with_longest_lifetime): 10 minutes, the longest that NIST
    /// SP 800-63B-4 (3.1.3.2) allows.
    pub const DEFAULT_LONGEST_LIFETIME: Duration = Duration::from_secs(600);

    /// Creates the settings of a message without a host and without links.
    ///
    /// `words` is the text, with `{code}` exactly once, and `{minutes}` and `{service}` as needed. Write a literal
    /// brace twice. `service` is the value of `{service}`, `code` the format of the codes, and `limit` that of the
    /// sender.
    pub const fn new(words: &'a str, service: &'a str, code: CodeFormat, limit: TextLimit) -> Self {
        Self {
            words,
            service,
            code,
            limit,
            host: None,
            longest_lifetime: Self::DEFAULT_LONGEST_LIFETIME,
            links: Links::Refused,
        }
    }

    /// Adds the last line `@host #code`, which binds the code to a site.
    #[must_use]
    pub fn with_host(mut self, host: Host) -> Self {
        self.host = Some(host);
        self
    }

    /// Sets the longest lifetime of a code, for the longest `{minutes}`.
    #[must_use]
    pub const fn with_longest_lifetime(mut self, lifetime: Duration) -> Self {
        self.longest_lifetime = lifetime;
        self
    }

    /// Sets whether the message may contain links. Default: [`Links::Refused`].
    #[must_use]
    pub const fn with_links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }
}

/// A checked template. Every message that it renders fits the limit.
///
/// ```
/// use otp_core::CodeFormat;
/// use otp_core::message::{Host, SmsTemplate, TemplateSettings, TextLimit};
///
/// let six = CodeFormat::digits(6)?;
/// let one_part = TextLimit::new(70, 1); // as the sender states it
/// let settings = TemplateSettings::new(SmsTemplate::JAPANESE, "みどり銀行", six, one_part)
///     .with_host(Host::new("auth.example.jp")?);
/// let template = SmsTemplate::new(&settings)?;
/// assert_eq!((template.longest().segments, template.longest_parts()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SmsTemplate {
    pieces: Vec<Piece>,
    host: Option<Host>,
    longest: Length,
    longest_parts: usize,
    code: CodeFormat,
    longest_lifetime: Duration,
}

impl SmsTemplate {
    /// A Japanese text.
    ///
    /// Room for `{service}`: 8 units, in one part of 70 with a [host](TemplateSettings::with_host) of 15 characters,
    /// codes of 6 digits, 10 minutes, and line breaks that count as 3. A shorter host leaves as much more room.
    pub const JAPANESE: &'static str =
        "{service} 認証コード {code}（{minutes}分有効）\n他人に教えないでください";

    /// An English text that GSM 7-bit can encode. Room for `{service}`: as in [`JAPANESE`](Self::JAPANESE).
    pub const ENGLISH: &'static str = "{service} code {code} ({minutes} min). Do not share";

    /// Checks the settings, and that the longest possible message fits.
    ///
    /// # Errors
    ///
    /// [`InvalidTemplate`] with every problem found.
    pub fn new(settings: &TemplateSettings<'_>) -> Result<Self, InvalidTemplate> {
        let mut problems = Vec::new();
        let words = settings.words.replace("\r\n", "\n");
        let pieces = pieces(&words, settings.service, &mut problems);
        if pieces.iter().filter(|piece| matches!(piece, Piece::Code)).count() != 1 {
            problems.push(TemplateProblem::CodeNotOnce);
        }
        // A lone carriage return is a control character: the limits do not count it as a line break.
        if words.contains(|c: char| c.is_control() && c != '\n')
            || settings.service.contains(char::is_control)
        {
            problems.push(TemplateProblem::ControlCharacter);
        }
        let mut template = Self {
            pieces,
            host: settings.host.clone(),
            longest: Length::of(""),
            longest_parts: 0,
            code: settings.code,
            longest_lifetime: settings.longest_lifetime,
        };
        let longest = template.longest_text();
        template.longest = Length::of(&longest);
        if let Some(excluded) = settings.limit.excluded(&longest) {
            problems.push(TemplateProblem::ExcludedCharacter(excluded));
        }
        if settings.links == Links::Refused && template.has_link() {
            problems.push(TemplateProblem::Link);
        }
        // Without some of its characters a text never needs more parts, so the longest one decides.
        match settings.limit.split(&longest) {
            Ok(parts) => template.longest_parts = parts.len(),
            Err(too_long) => problems.push(TemplateProblem::TooLong(too_long)),
        }
        if problems.is_empty() { Ok(template) } else { Err(InvalidTemplate(problems)) }
    }

    /// Returns the length of the longest message.
    pub const fn longest(&self) -> Length {
        self.longest
    }

    /// Returns the number of parts of the longest message, as the limit splits it.
    pub const fn longest_parts(&self) -> usize {
        self.longest_parts
    }

    /// Renders the message for `code`, which expires after `lifetime`.
    ///
    /// `{minutes}` is rounded down, at least 1, and at most the longest configured lifetime. A full minute counts
    /// also if up to one second of it has passed, because some time always passes before a message is rendered.
    ///
    /// # Errors
    ///
    /// [`OtherFormat`] if the code is longer than the format that the template was checked with.
    pub fn render(&self, code: &OtpCode, lifetime: Duration) -> Result<SmsText, OtherFormat> {
        let code = code.expose_secret();
        if code.len() > usize::from(self.code.len()) {
            return Err(OtherFormat);
        }
        let minutes = minutes(lifetime.min(self.longest_lifetime)).to_string();
        Ok(SmsText { text: self.text(code, &minutes) })
    }

    /// Returns the message with the longest value in every place. Its code is zeros.
    pub fn longest_text(&self) -> Zeroizing<String> {
        let code = "0".repeat(usize::from(self.code.len()));
        self.text(&code, &minutes(self.longest_lifetime).to_string())
    }

    /// Whether the text contains a link, or makes one together with a code or the minutes. The last line does
    /// not count.
    fn has_link(&self) -> bool {
        let words = Self { host: None, ..self.clone() };
        let alphabet = self.code.alphabet().as_bytes();
        let samples = [
            alphabet.iter().find(|b| b.is_ascii_digit()),
            alphabet.iter().find(|b| b.is_ascii_alphabetic()),
        ];
        samples.into_iter().flatten().any(|sample| {
            let code = char::from(*sample).to_string().repeat(self.code.len().into());
            has_link(&words.text(&code, &minutes(self.longest_lifetime).to_string()))
        })
    }

    fn text(&self, code: &str, minutes: &str) -> Zeroizing<String> {
        let mut parts: Vec<&str> = Vec::with_capacity(self.pieces.len() + 4);
        parts.extend(self.pieces.iter().map(|piece| match piece {
            Piece::Code => code,
            Piece::Minutes => minutes,
            Piece::Words(words) => words,
        }));
        if let Some(host) = &self.host {
            parts.extend(["\n@", host.as_str(), " #", code]);
        }
        // `concat` allocates once, so no shorter copy of the code is left behind.
        Zeroizing::new(parts.concat())
    }
}

/// A message with a code. It is as secret as the code.
pub struct SmsText {
    pub(super) text: Zeroizing<String>,
}

impl SmsText {
    /// Returns the text. Give it only to the sender.
    pub fn expose_secret(&self) -> &str {
        &self.text
    }

    /// Returns its length in the mobile network.
    pub fn length(&self) -> Length {
        Length::of(&self.text)
    }
}

impl fmt::Debug for SmsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmsText(..)")
    }
}

/// The error of [`SmsTemplate::render`]: the code is longer than the format that the template was checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the code is longer than the message template was checked for")]
pub struct OtherFormat;

/// The error of [`SmsTemplate::new`]: every problem of the template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the message template cannot be used: {}", list(.0))]
pub struct InvalidTemplate(Vec<TemplateProblem>);

impl InvalidTemplate {
    /// Returns the problems. Never empty.
    pub fn problems(&self) -> &[TemplateProblem] {
        &self.0
    }
}

/// One problem of a template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TemplateProblem {
    /// `{code}` is missing or repeated.
    #[error("{{code}} must stand in the words exactly once")]
    CodeNotOnce,
    /// There is a character that phones do not show. A line break must be LF or CRLF.
    #[error("the words or the service name have a control character")]
    ControlCharacter,
    /// There is a character that the sender cannot send.
    #[error("{0:?} cannot be sent: it is beyond the basic multilingual plane")]
    ExcludedCharacter(char),
    /// There is something that a phone turns into a link.
    #[error("the message has a link in it")]
    Link,
    /// The longest message does not fit.
    #[error("with the longest values, {0}")]
    TooLong(TooLong),
    /// A brace neither encloses a placeholder nor is doubled.
    #[error("a brace must be doubled unless it encloses a placeholder")]
    UnmatchedBrace,
    /// A placeholder is unknown.
    #[error("{{{0}}} is none of {{code}}, {{minutes}} and {{service}}")]
    UnknownPlaceholder(String),
}

fn list(problems: &[TemplateProblem]) -> String {
    problems.iter().map(TemplateProblem::to_string).collect::<Vec<_>>().join("; ")
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Code,
    Minutes,
    Words(String),
}

/// Splits the text at its placeholders, and adds what is wrong with it to `problems`.
fn pieces(words: &str, service: &str, problems: &mut Vec<TemplateProblem>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = words;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(doubled) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            plain.push_str(&rest[..1]);
            rest = doubled;
            continue;
        }
        let Some((name, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
        else {
            problems.push(TemplateProblem::UnmatchedBrace);
            break;
        };
        rest = after;
        match name {
            "code" => pieces.extend([Piece::Words(std::mem::take(&mut plain)), Piece::Code]),
            "minutes" => pieces.extend([Piece::Words(std::mem::take(&mut plain)), Piece::Minutes]),
            "service" => plain.push_str(service),
            _ => problems.push(TemplateProblem::UnknownPlaceholder(name.to_owned())),
        }
    }
    plain.push_str(rest);
    pieces.push(Piece::Words(plain));
    pieces
}

fn minutes(lifetime: Duration) -> u64 {
    // One second of grace, or a code of 5 minutes would say 4 a millisecond after it was opened.
    (lifetime.saturating_add(Duration::from_secs(1)).as_secs() / 60).max(1)
}
