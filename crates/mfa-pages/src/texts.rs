//! The catalogues: sentences by key, in each language.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use jiff::tz::TimeZone;
use mfa_plugin_api::{Arg, Message};
use unic_langid::{LanguageIdentifier, langid};

use crate::{clock, language::Language};

const JA: &str = include_str!("../locales/ja.ftl");
const EN: &str = include_str!("../locales/en.ftl");

/// The sentences of the pages, in Japanese and English.
///
/// The built-in catalogue has the keys of the pages and of the SMS plugin. A deployment adds the texts
/// of its own plugins, or replaces ours, with [`Texts::with_catalogue`].
pub struct Texts {
    ja: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
}

impl Texts {
    /// Returns the built-in texts.
    ///
    /// # Panics
    ///
    /// Never: the two files are part of the program, and a test parses them.
    pub fn built_in() -> Self {
        Self { ja: shipped(langid!("ja"), JA), en: shipped(langid!("en"), EN) }
    }

    /// Returns the built-in catalogue of `language` in Fluent syntax.
    pub fn built_in_source(language: Language) -> &'static str {
        match language {
            Language::Ja => JA,
            Language::En => EN,
        }
    }

    /// Adds the texts of `source` (in Fluent syntax). They replace texts with the same key.
    ///
    /// # Errors
    ///
    /// [`InvalidCatalogue`] if `source` does not parse; it names the first bad line.
    pub fn with_catalogue(
        mut self,
        language: Language,
        source: &str,
    ) -> Result<Self, InvalidCatalogue> {
        let resource = parse(source)?;
        match language {
            Language::Ja => self.ja.add_resource_overriding(resource),
            Language::En => self.en.add_resource_overriding(resource),
        }
        Ok(self)
    }

    /// Whether `key` has a sentence in `language`.
    pub fn has(&self, language: Language, key: &str) -> bool {
        self.bundle(language).has_message(key)
    }

    /// Returns the sentence of `message`, with instants as clock times of `zone`, seen from `now`.
    ///
    /// If the language lacks the key, the other language's sentence is used. If both lack it, the key
    /// itself is shown: a missing translation must not break a login.
    pub fn format(
        &self,
        language: Language,
        message: &Message,
        zone: &TimeZone,
        now: SystemTime,
    ) -> String {
        let mut args = FluentArgs::new();
        for (name, arg) in message.args() {
            args.set(name.to_owned(), self.value(language, arg, zone, now));
        }
        self.resolve(language, message.key(), &args)
    }

    /// Returns the sentence of `key` without arguments.
    pub fn plain(&self, language: Language, key: &str) -> String {
        self.resolve(language, key, &FluentArgs::new())
    }

    /// Returns a length of time in words, rounded up to whole seconds.
    pub fn duration(&self, language: Language, length: Duration) -> String {
        let seconds = length.as_secs() + u64::from(length.subsec_nanos() > 0);
        let mut args = FluentArgs::new();
        let key = match (seconds / 60, seconds % 60) {
            (0, seconds) => {
                args.set("n", number(seconds));
                "duration-seconds"
            }
            (minutes, 0) if minutes % 60 == 0 => {
                args.set("n", number(minutes / 60));
                "duration-hours"
            }
            (minutes, 0) => {
                args.set("n", number(minutes));
                "duration-minutes"
            }
            (minutes, seconds) => {
                args.set("m", number(minutes));
                args.set("s", number(seconds));
                "duration-minutes-seconds"
            }
        };
        self.resolve(language, key, &args)
    }

    /// Returns an instant as a clock time, with the day if it is not the day of `now`.
    ///
    /// Up to ten minutes ahead the time is exact to the second (`14:32:05`). Further ahead it is rounded
    /// up to the minute, so that waiting until the shown time is long enough.
    pub fn instant(
        &self,
        language: Language,
        instant: SystemTime,
        zone: &TimeZone,
        now: SystemTime,
    ) -> String {
        let (Some(there), Some(here)) =
            (clock::read(instant, zone, now), clock::read(now, zone, now))
        else {
            return "–".to_owned();
        };
        if there.date() == here.date() {
            return there.time;
        }
        let key = if there.year == here.year { "date-time" } else { "date-time-year" };
        let mut args = FluentArgs::new();
        args.set("year", there.year.to_string());
        args.set("month", number(u64::from(there.month)));
        args.set("day", number(u64::from(there.day)));
        args.set("time", there.time);
        self.resolve(language, key, &args)
    }

    fn value(
        &self,
        language: Language,
        arg: &Arg,
        zone: &TimeZone,
        now: SystemTime,
    ) -> FluentValue<'static> {
        match arg {
            Arg::Count(count) => number(*count),
            Arg::Duration(length) => self.duration(language, *length).into(),
            Arg::Instant(instant) => self.instant(language, *instant, zone, now).into(),
            Arg::Text(text) => text.clone().into(),
            // A kind of argument that this version does not know. The sentence is still shown.
            _ => FluentValue::None,
        }
    }

    fn resolve(&self, language: Language, key: &str, args: &FluentArgs<'_>) -> String {
        let other = Language::ALL.into_iter().find(|candidate| *candidate != language);
        [Some(language), other]
            .into_iter()
            .flatten()
            .find_map(|language| {
                let bundle = self.bundle(language);
                let pattern = bundle.get_message(key)?.value()?;
                let mut problems = Vec::new();
                Some(bundle.format_pattern(pattern, Some(args), &mut problems).into_owned())
            })
            .unwrap_or_else(|| key.to_owned())
    }

    fn bundle(&self, language: Language) -> &FluentBundle<FluentResource> {
        match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        }
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

/// A catalogue that is not in Fluent syntax.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the catalogue is not in fluent syntax")]
pub struct InvalidCatalogue {
    /// The line of the first problem, counted from 1.
    pub line: usize,
}

fn parse(source: &str) -> Result<FluentResource, InvalidCatalogue> {
    FluentResource::try_new(source.to_owned()).map_err(|(_, problems)| {
        let at = problems.first().map_or(0, |problem| problem.pos.start);
        let line = 1 + source.bytes().take(at).filter(|byte| *byte == b'\n').count();
        InvalidCatalogue { line }
    })
}

fn shipped(language: LanguageIdentifier, source: &str) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // The isolation marks would show up in titles and in copied text; all arguments are short.
    bundle.set_use_isolating(false);
    let resource = parse(source).expect("a test parses the catalogues of the program");
    bundle.add_resource(resource).expect("a test finds no key twice in a catalogue");
    bundle
}

fn number(count: u64) -> FluentValue<'static> {
    // Counts on these pages stay far below 2^53.
    FluentValue::from(count)
}
