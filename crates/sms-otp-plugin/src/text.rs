//! The words of the message, per language.

use std::time::Duration;

use otp_core::{
    CodeFormat, OtpCode,
    message::{
        Host, InvalidTemplate, Length, OtherFormat, SmsTemplate, SmsText, TemplateSettings,
        TextLimit,
    },
};

/// The words of the message in each language, and the last line that lets phones fill in the code.
///
/// The service and the host come from the configuration, never from a request. Otherwise an attacker
/// could have codes sent for a host of their own.
#[derive(Debug, Clone)]
pub struct SmsTexts {
    service: String,
    services: Vec<(String, String)>,
    host: Option<Host>,
    max_parts: usize,
    words: Vec<(String, String)>,
}

impl SmsTexts {
    /// The words in Japanese. Service and code come first, because a locked phone shows only the beginning.
    /// The page says when the code expires; here it would take the space of service and host.
    pub const JAPANESE: &'static str = "【{service}】認証コード {code}\n他人に教えないでください";

    /// The words in English.
    pub const ENGLISH: &'static str = "{service} code {code}. Never share it";

    /// Creates texts in Japanese and English for `service`, in one part. The last line is `@host #code` (WICG
    /// sms-one-time-codes, "Message format"). `None` leaves it out, for a service without a site of its own.
    pub fn new(service: impl Into<String>, host: impl Into<Option<Host>>) -> Self {
        Self {
            service: service.into(),
            services: Vec::new(),
            host: host.into(),
            max_parts: 1,
            words: vec![
                ("ja".to_owned(), Self::JAPANESE.to_owned()),
                ("en".to_owned(), Self::ENGLISH.to_owned()),
            ],
        }
    }

    /// Sets the name of the service in the message of a language, given as its BCP 47 primary tag.
    #[must_use]
    pub fn with_service(mut self, language: &str, service: impl Into<String>) -> Self {
        self.services.retain(|(known, _)| known != language);
        self.services.push((language.to_owned(), service.into()));
        self
    }

    /// Sets the words of a language, given as its BCP 47 primary tag such as `ja`.
    /// [`TemplateSettings::new`] says what the words may hold.
    #[must_use]
    pub fn with_words(mut self, language: &str, words: impl Into<String>) -> Self {
        self.words.retain(|(known, _)| known != language);
        self.words.push((language.to_owned(), words.into()));
        self
    }

    /// Sets the largest number of parts of a message. Default: 1. A message of several parts is billed as several.
    /// The sender's own limit holds as well.
    #[must_use]
    pub fn with_max_parts(mut self, parts: usize) -> Self {
        self.max_parts = parts;
        self
    }

    /// Checks the words of every language with the longest value in every place.
    pub(crate) fn templates(
        &self,
        code: CodeFormat,
        longest_lifetime: Duration,
        limit: TextLimit,
    ) -> Result<Templates, InvalidText> {
        let limit = limit.with_max_parts(self.max_parts);
        let mut templates = Vec::with_capacity(self.words.len());
        for (language, words) in &self.words {
            let named = self.services.iter().find(|(known, _)| known == language);
            let service = named.map_or(&self.service, |(_, service)| service);
            let mut settings = TemplateSettings::new(words, service, code, limit)
                .with_longest_lifetime(longest_lifetime);
            if let Some(host) = &self.host {
                settings = settings.with_host(host.clone());
            }
            let template = SmsTemplate::new(&settings)
                .map_err(|source| InvalidText { language: language.clone(), source })?;
            templates.push((language.clone(), template));
        }
        Ok(Templates(templates))
    }
}

/// A message as it is sent, with a code of zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmsPreview {
    /// The language, as a BCP 47 primary tag.
    pub language: String,
    /// The text.
    pub text: String,
    /// The length of the text, as the sender counts.
    pub units: usize,
    /// The length that fits into as many parts.
    pub allowed: usize,
    /// The number of parts, each of which is billed.
    pub parts: usize,
}

/// The words of one language cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message in the language {language:?} cannot be used")]
pub struct InvalidText {
    language: String,
    source: InvalidTemplate,
}

impl InvalidText {
    /// Returns the language.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Returns what is wrong with its words.
    pub fn template(&self) -> &InvalidTemplate {
        &self.source
    }
}

/// The checked words of every language. Never empty.
#[derive(Debug, Clone)]
pub(crate) struct Templates(Vec<(String, SmsTemplate)>);

impl Templates {
    /// Renders the message in the language of `locale` or, if it has no words, in the first language.
    pub(crate) fn render(
        &self,
        locale: &str,
        code: &OtpCode,
        lifetime: Duration,
    ) -> Result<SmsText, OtherFormat> {
        self.chosen(locale).ok_or(OtherFormat)?.render(code, lifetime)
    }

    /// Returns the number of parts of the longest message in the language of `locale`.
    pub(crate) fn longest_parts(&self, locale: &str) -> u32 {
        let parts = self.chosen(locale).map_or(1, SmsTemplate::longest_parts);
        u32::try_from(parts).unwrap_or(u32::MAX)
    }

    fn chosen(&self, locale: &str) -> Option<&SmsTemplate> {
        let primary = locale.split(['-', '_']).next().unwrap_or_default();
        let is_wanted =
            |(language, _): &&(String, SmsTemplate)| language.eq_ignore_ascii_case(primary);
        let (_, template) = self.0.iter().find(is_wanted).or_else(|| self.0.first())?;
        Some(template)
    }

    /// Returns the longest message of each language, counted as `limit` counts.
    pub(crate) fn previews(&self, limit: TextLimit) -> Vec<SmsPreview> {
        let preview = |(language, template): &(String, SmsTemplate)| {
            let (text, parts) = (template.longest_text().to_string(), template.longest_parts());
            let (units, allowed) = (limit.units(&text), limit.part_units() * parts);
            SmsPreview { language: language.clone(), text, units, allowed, parts }
        };
        self.0.iter().map(preview).collect()
    }

    /// Returns each language with the length of its longest message.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = (&str, Length)> {
        self.0.iter().map(|(language, template)| (language.as_str(), template.longest()))
    }
}
