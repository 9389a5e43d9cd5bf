//! The catalogues: sentences by key, in each language.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use jiff::tz::TimeZone;
use mfa_plugin_api::{Arg, Message};
use unic_langid::{LanguageIdentifier, langid};

use crate::{
    catalogue::{self, InvalidCatalogue, parse},
    clock::{self, Bound, Reading},
    language::Language,
};

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
        let shipped = |id, language| shipped(id, catalogue::built_in_source(language));
        Self { ja: shipped(langid!("ja"), Language::Ja), en: shipped(langid!("en"), Language::En) }
    }

    /// Returns the built-in catalogue of `language` in Fluent syntax.
    pub fn built_in_source(language: Language) -> &'static str {
        catalogue::built_in_source(language)
    }

    /// Returns the keys of the built-in texts.
    pub fn built_in_keys() -> Vec<String> {
        catalogue::built_in_keys()
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
    /// An instant whose name begins with `expires` is the end of a validity. It is rounded down: to the
    /// second up to ten minutes ahead, otherwise to the minute. Any other instant is the end of a wait. It is
    /// rounded up to the minute. The day is added if it is not the day of `now`.
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
            let bound = if name.starts_with("expires") { Bound::End } else { Bound::Start };
            args.set(name.to_owned(), self.value(language, arg, bound, zone, now));
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

    /// Returns date and clock time of an instant, to the minute it is in; for facts such as a login.
    pub fn date_time(
        &self,
        language: Language,
        instant: SystemTime,
        zone: &TimeZone,
        now: SystemTime,
    ) -> String {
        match readings(instant, Bound::End, zone, now) {
            Some((there, here)) => {
                self.dated(language, Reading { second: None, ..there }, here.year)
            }
            None => UNREADABLE.to_owned(),
        }
    }

    fn instant(
        &self,
        language: Language,
        instant: SystemTime,
        bound: Bound,
        zone: &TimeZone,
        now: SystemTime,
    ) -> String {
        match readings(instant, bound, zone, now) {
            Some((there, here)) if there.date() == here.date() => self.clock_time(language, there),
            Some((there, here)) => self.dated(language, there, here.year),
            None => UNREADABLE.to_owned(),
        }
    }

    fn dated(&self, language: Language, there: Reading, this_year: i16) -> String {
        let key = if there.year == this_year { "date-time" } else { "date-time-year" };
        let mut args = FluentArgs::new();
        args.set("year", there.year.to_string());
        args.set("month", number(u64::from(there.month)));
        args.set("day", number(u64::from(there.day)));
        args.set("weekday", number(u64::from(there.weekday)));
        args.set("time", self.clock_time(language, there));
        self.resolve(language, key, &args)
    }

    fn clock_time(&self, language: Language, there: Reading) -> String {
        let mut args = FluentArgs::new();
        args.set("clock", there.clock());
        args.set("hour", number(u64::from(there.hour)));
        args.set("minute", number(u64::from(there.minute)));
        args.set("second", number(u64::from(there.second.unwrap_or_default())));
        let key = if there.second.is_some() { "clock-time-seconds" } else { "clock-time" };
        self.resolve(language, key, &args)
    }

    fn value(
        &self,
        language: Language,
        arg: &Arg,
        bound: Bound,
        zone: &TimeZone,
        now: SystemTime,
    ) -> FluentValue<'static> {
        match arg {
            Arg::Count(count) => number(*count),
            Arg::Duration(length) => self.duration(language, *length).into(),
            Arg::Instant(instant) => self.instant(language, *instant, bound, zone, now).into(),
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

fn shipped(language: LanguageIdentifier, source: &str) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // The isolation marks would show up in titles and in copied text; all arguments are short.
    bundle.set_use_isolating(false);
    let resource = parse(source).expect("a test parses the catalogues of the program");
    bundle.add_resource(resource).expect("a test finds no key twice in a catalogue");
    bundle
}

/// Stands for an instant beyond the year 9999.
const UNREADABLE: &str = "–";

/// Returns `instant` and the present as dates and clock times.
fn readings(
    instant: SystemTime,
    bound: Bound,
    zone: &TimeZone,
    now: SystemTime,
) -> Option<(Reading, Reading)> {
    let there = clock::read(instant, bound, zone, now)?;
    Some((there, clock::read(now, Bound::End, zone, now)?))
}

fn number(count: u64) -> FluentValue<'static> {
    // Counts on these pages stay far below 2^53.
    FluentValue::from(count)
}
