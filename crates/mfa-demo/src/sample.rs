//! The pages of the demo's protected application. They look different from the gateway's pages.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::SystemTime};

use askama::Template;
use mfa_pages::{Frame, InvalidCatalogue, Language, PerLanguage, Site, Texts, method_names, path};
use mfa_plugin_api::AuthenticationMethod;

/// The style sheet of the pages.
pub(crate) const STYLE_SHEET: &str = include_str!("../assets/sample.css");
/// The path of the style sheet. It is public, because the public page needs it too.
pub(crate) const STYLE_SHEET_PATH: &str = "/public/sample.css";

/// Makes the site of the application, with the texts of the gateway and of the application.
pub(crate) fn site((ja, en): (&str, &str)) -> Result<Site, InvalidCatalogue> {
    let texts = Texts::built_in()
        .with_catalogue(Language::Ja, include_str!("../locales/ja.ftl"))?
        .with_catalogue(Language::En, include_str!("../locales/en.ftl"))?;
    let mut site = Site::new(PerLanguage { ja: ja.to_owned(), en: en.to_owned() });
    site.texts = Arc::new(texts);
    Ok(site)
}

/// A page of the demo's application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleSection {
    /// `/admin/`: for logged-in users; the demo's policy asks for a recent login.
    Admin,
    /// `/`: for logged-in users.
    Home,
    /// `/public/`: for everyone.
    Public,
}

/// The user, as named by the gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampleUser<'a> {
    /// The user name (`X-Mfa-User`).
    pub(crate) name: &'a str,
    /// The methods (`X-Mfa-Amr`).
    pub(crate) methods: &'a [AuthenticationMethod],
    /// When the login was complete (`X-Mfa-Auth-Time`).
    pub(crate) signed_in_at: Option<SystemTime>,
}

/// The data of a page.
#[derive(Debug, Clone)]
pub(crate) struct SamplePage<'a> {
    /// Site, language and instant; the pages of the account are the gateway's.
    pub(crate) frame: Frame<'a>,
    /// Which page.
    pub(crate) section: SampleSection,
    /// The user; `None` on a public page.
    pub(crate) user: Option<SampleUser<'a>>,
}

impl<'a> SamplePage<'a> {
    /// Makes a page without a user.
    pub(crate) fn new(frame: Frame<'a>, section: SampleSection) -> Self {
        Self { frame, section, user: None }
    }

    /// Sets the user.
    #[must_use]
    pub(crate) fn with_user(mut self, user: SampleUser<'a>) -> Self {
        self.user = Some(user);
        self
    }
}

#[derive(Template)]
#[template(path = "sample.html")]
struct SampleTemplate<'a> {
    frame: Frame<'a>,
    page: &'a SamplePage<'a>,
    title: String,
    lead: String,
    methods: Vec<String>,
    raw_methods: String,
    signed_in: Option<(String, String)>,
    initial: String,
}

impl SampleTemplate<'_> {
    /// Returns the sentence of `key`.
    fn t(&self, key: &str) -> String {
        self.frame.site.texts.plain(self.frame.language, key)
    }

    fn url(&self, page: &str) -> String {
        self.frame.site.url(page)
    }
}

/// Renders a page of the demo's application.
pub(crate) fn render_sample(page: &SamplePage<'_>) -> String {
    let frame = page.frame;
    let (title, lead) = match page.section {
        SampleSection::Admin => ("sample-admin-title", "sample-admin-lead"),
        SampleSection::Home => ("sample-home-title", "sample-home-lead"),
        SampleSection::Public => ("sample-public-title", "sample-public-lead"),
    };
    let methods = page.user.map_or(&[][..], |user| user.methods);
    let text = |key| frame.site.texts.plain(frame.language, key);
    let clock_time =
        |at| frame.site.texts.date_time(frame.language, at, &frame.site.time_zone, frame.now);
    let template = SampleTemplate {
        frame,
        page,
        title: text(title),
        lead: text(lead),
        methods: method_names(&frame, methods),
        raw_methods: methods.iter().map(AuthenticationMethod::as_str).collect::<Vec<_>>().join(" "),
        signed_in: (page.user.and_then(|user| user.signed_in_at))
            .map(|at| (frame.machine(at), clock_time(at))),
        initial: (page.user)
            .and_then(|user| user.name.chars().next())
            .map(|first| first.to_uppercase().collect())
            .unwrap_or_default(),
    };
    template.render().expect("a template only writes to a string, which cannot fail")
}
