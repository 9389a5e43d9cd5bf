//! The data that all pages of a deployment share, and the data of one request.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use jiff::tz::TimeZone;
use mfa_plugin_api::Message;

use crate::{
    assets, clock,
    language::{Language, PerLanguage},
    phrases::without_breaks,
    texts::Texts,
};

/// The paths of the pages below [`Site::prefix`].
pub mod path {
    /// The account page.
    pub const ACCOUNT: &str = "account";
    /// The target of a prompt's actions, such as a resend (`action=…`).
    pub const ACTION: &str = "factor/action";
    /// The folder of style sheet, script and pictures.
    pub const ASSETS: &str = "assets/";
    /// The target of the button that cancels the login.
    pub const CANCEL: &str = "factor/cancel";
    /// The live status of a prompt, as server-sent events.
    pub const EVENTS: &str = "factor/events";
    /// The prompt of the current factor.
    pub const FACTOR: &str = "factor";
    /// The login page.
    pub const LOGIN: &str = "login";
    /// The logout page, and the target of its form.
    pub const LOGOUT: &str = "logout";
    /// The question before a step-up, and where its answer is posted.
    pub const STEP_UP: &str = "step-up";
}

/// Names of the form fields that the pages themselves add.
pub mod field {
    /// The action of a prompt.
    pub const ACTION: &str = "action";
    /// The token against forged requests.
    pub const CSRF: &str = "csrf";
    /// The factor that a form belongs to.
    pub const FACTOR: &str = "factor";
    /// The query parameter of the language switch.
    pub const LANGUAGE: &str = "lang";
    /// The password.
    pub const PASSWORD: &str = "password";
    /// Where to go after the login. The gateway checks it.
    pub const RETURN_TO: &str = "return_to";
    /// The user name.
    pub const USERNAME: &str = "username";
}

/// The data that all pages of a deployment share.
#[derive(Debug, Clone)]
pub struct Site {
    /// The name of the protected service, as its users know it. A zero-width space (U+200B) marks where a line
    /// may break in a long Japanese name.
    pub service_name: PerLanguage<String>,
    /// The path prefix of all our pages. It starts and ends with a slash.
    pub prefix: String,
    /// The host name to show, such as `login.example.jp`. It helps users to spot look-alike pages.
    pub host: Option<String>,
    /// The time zone of the clock times.
    pub time_zone: TimeZone,
    /// The login pages as an absolute URL, for a page at a host that has no application. `/` without one.
    pub home_url: Option<String>,
    /// Whom to ask for help.
    pub support: Support,
    /// The operator of the service, at the foot of each page.
    pub operator: Operator,
    /// The sentences.
    pub texts: Arc<Texts>,
}

/// Whom the users of a service ask for help.
#[derive(Debug, Clone, Default)]
pub struct Support {
    /// The URL of a page or a `mailto:` link.
    pub url: Option<String>,
    /// The telephone number, as it is shown.
    pub phone: Option<String>,
    /// The hours of the telephone.
    pub hours: Option<PerLanguage<String>>,
}

/// The operator of a service.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// The name.
    pub name: Option<PerLanguage<String>>,
    /// The URL of the privacy policy.
    pub privacy_url: Option<PerLanguage<String>>,
    /// The URL of the terms of use.
    pub terms_url: Option<PerLanguage<String>>,
}

impl Site {
    /// The path prefix of all our pages, if the program chooses no other one.
    pub const DEFAULT_PREFIX: &str = "/_mfa/";

    /// Makes a site with the default prefix `/_mfa/`, Japan Standard Time and the built-in texts.
    pub fn new(service_name: impl Into<PerLanguage<String>>) -> Self {
        Self {
            service_name: service_name.into(),
            prefix: Self::DEFAULT_PREFIX.to_owned(),
            host: None,
            time_zone: clock::japan(),
            home_url: None,
            support: Support::default(),
            operator: Operator::default(),
            texts: Arc::new(Texts::built_in()),
        }
    }

    /// Returns the path of one of our pages; see [`path`].
    pub fn url(&self, page: &str) -> String {
        format!("{}{page}", self.prefix)
    }

    /// Returns the path of an asset, with the hash of its content in the name.
    pub fn asset_url(&self, name: &str) -> String {
        self.url(path::ASSETS) + &assets::hashed_name(name)
    }
}

/// The data of one request: its language, its instant and its path.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The deployment.
    pub site: &'a Site,
    /// The language of the page.
    pub language: Language,
    /// The instant of the request.
    pub now: SystemTime,
    /// Path and query under which a `GET` shows this page again, for the language switch.
    ///
    /// `None` leaves the switch out. A message page can stand at a path of the app, and our parameter
    /// must not reach the app.
    pub here: Option<&'a str>,
}

impl<'a> Frame<'a> {
    /// Makes a frame without a language switch.
    pub fn new(site: &'a Site, language: Language, now: SystemTime) -> Self {
        Self { site, language, now, here: None }
    }

    /// Adds a language switch that leads back to `here` (path and query).
    #[must_use]
    pub fn at(mut self, here: &'a str) -> Self {
        self.here = Some(here);
        self
    }

    /// Returns the sentence of `key` without arguments.
    pub(crate) fn t(&self, key: &str) -> String {
        self.site.texts.plain(self.language, key)
    }

    /// Returns the sentence of `key` for an attribute or the title: without places to break a line.
    pub(crate) fn label(&self, key: &str) -> String {
        without_breaks(&self.t(key))
    }

    /// Returns the sentence of a message.
    pub(crate) fn m(&self, message: &Message) -> String {
        self.site.texts.format(self.language, message, &self.site.time_zone, self.now)
    }

    pub(crate) fn date_time(&self, instant: SystemTime) -> String {
        self.site.texts.date_time(self.language, instant, &self.site.time_zone, self.now)
    }

    /// Formats `instant` for machines: RFC 3339 in the site's time zone, whole seconds.
    pub fn machine(&self, instant: SystemTime) -> String {
        clock::machine(instant, &self.site.time_zone)
    }

    pub(crate) fn url(&self, page: &str) -> String {
        self.site.url(page)
    }

    pub(crate) fn asset(&self, name: &str) -> String {
        self.site.asset_url(name)
    }

    pub(crate) fn service(&self) -> &'a str {
        self.site.service_name.get(self.language)
    }

    pub(crate) fn host_hint(&self) -> Option<String> {
        let host = self.site.host.as_deref()?;
        Some(self.m(&Message::new("panel-host").with("host", host)))
    }

    pub(crate) fn panel_heading(&self) -> String {
        self.m(&Message::new("panel-heading").with("service", self.service()))
    }

    /// Returns the title of the browser's tab.
    pub(crate) fn tab_title(&self, title: &str, has_error: bool) -> String {
        let key = if has_error { "page-title-error" } else { "page-title" };
        let title = self.m(&Message::new(key).with("title", title).with("service", self.service()));
        without_breaks(&title)
    }

    /// Returns the links at the foot of the page: label and address.
    pub(crate) fn foot_links(&self) -> Vec<(String, &'a str)> {
        let operator = &self.site.operator;
        let of_language = |url: &'a Option<PerLanguage<String>>| {
            url.as_ref().map(|url| url.get(self.language).as_str())
        };
        [
            ("support-link", self.site.support.url.as_deref()),
            ("privacy-link", of_language(&operator.privacy_url)),
            ("terms-link", of_language(&operator.terms_url)),
        ]
        .into_iter()
        .filter_map(|(key, url)| Some((self.t(key), url?)))
        .collect()
    }

    /// Returns the telephone number of the support for people, for a `tel:` link, and its hours.
    pub(crate) fn support_phone(&self) -> Option<(&'a str, String, &'a str)> {
        let phone = self.site.support.phone.as_deref()?;
        let dialled = phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let hours = self.site.support.hours.as_ref();
        Some((phone, dialled, hours.map_or("", |hours| hours.get(self.language))))
    }

    pub(crate) fn operator_name(&self) -> Option<&'a str> {
        Some(self.site.operator.name.as_ref()?.get(self.language))
    }

    /// Returns the language switch: each language by its own name, with a link to this page in it.
    pub(crate) fn languages(&self) -> Vec<LanguageLink> {
        let Some(here) = self.here.filter(|here| here.starts_with('/') && !here.starts_with("//"))
        else {
            return Vec::new();
        };
        Language::ALL
            .into_iter()
            .map(|language| LanguageLink {
                tag: language.tag(),
                name: self.site.texts.plain(language, "language-name"),
                href: with_language(here, language),
                is_current: language == self.language,
            })
            .collect()
    }
}

#[derive(Debug)]
pub(crate) struct LanguageLink {
    pub(crate) tag: &'static str,
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) is_current: bool,
}

/// Sets the `lang` parameter of `here`. The other parameters stay unchanged.
fn with_language(here: &str, language: Language) -> String {
    let (path, query) = here.split_once('?').unwrap_or((here, ""));
    let own: Cow<'_, str> = format!("{}={}", field::LANGUAGE, language.tag()).into();
    let parameters: Vec<Cow<'_, str>> = query
        .split('&')
        .filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !name.is_empty() && name != field::LANGUAGE
        })
        .map(Cow::from)
        .chain([own])
        .collect();
    format!("{path}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_keeps_the_page_and_its_parameters() {
        for (here, expected) in [
            ("/_mfa/login", "/_mfa/login?lang=en"),
            ("/_mfa/login?lang=ja", "/_mfa/login?lang=en"),
            ("/_mfa/login?lang=ja&lang=fr&return_to=%2Fa", "/_mfa/login?return_to=%2Fa&lang=en"),
            (
                "/_mfa/login?return_to=%2F%3Flang%3Dja",
                "/_mfa/login?return_to=%2F%3Flang%3Dja&lang=en",
            ),
            ("/_mfa/login?", "/_mfa/login?lang=en"),
        ] {
            assert_eq!(with_language(here, Language::En), expected);
        }
    }

    #[test]
    fn the_switch_never_leaves_the_site() {
        let site = Site::new("demo");
        for foreign in ["//evil.example/", "https://evil.example/", "javascript:alert(1)", ""] {
            let frame = Frame::new(&site, Language::Ja, SystemTime::UNIX_EPOCH).at(foreign);
            assert!(frame.languages().is_empty(), "{foreign}");
        }
    }

    #[test]
    fn a_prefix_of_ones_own_moves_every_address() {
        let mut site = Site::new("demo");
        site.prefix = "/auth/".to_owned();
        assert_eq!(site.url(path::LOGIN), "/auth/login");
        assert!(site.asset_url("pages.css").starts_with("/auth/assets/pages."));
    }
}
