//! The demo's protected application: a small notebook-like app of its own look.

use std::time::SystemTime;

use askama::Template;
use mfa_plugin_api::AuthenticationMethod;

use crate::{
    account::method_names,
    render::finish,
    site::{Frame, path},
};

/// A page of the demo's application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleSection {
    /// `/admin/`: for logged-in users, under a stricter policy if one is configured.
    Admin,
    /// `/`: for logged-in users.
    Home,
    /// `/public/`: for everybody.
    Public,
}

/// The user, as the gateway vouched for them.
#[derive(Debug, Clone, Copy)]
pub struct SampleUser<'a> {
    /// The user name (`X-Mfa-User`).
    pub name: &'a str,
    /// The methods (`X-Mfa-Amr`).
    pub methods: &'a [AuthenticationMethod],
    /// When the login was complete (`X-Mfa-Auth-Time`).
    pub signed_in_at: Option<SystemTime>,
}

/// What a page of the application shows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SamplePage<'a> {
    /// Site, language and instant; style sheets and account pages are the gateway's.
    pub frame: Frame<'a>,
    /// Which page.
    pub section: SampleSection,
    /// Who is logged in; `None` on a public page.
    pub user: Option<SampleUser<'a>>,
}

impl<'a> SamplePage<'a> {
    /// A page for nobody in particular.
    pub fn new(frame: Frame<'a>, section: SampleSection) -> Self {
        Self { frame, section, user: None }
    }

    /// The same page for a logged-in user.
    #[must_use]
    pub fn with_user(mut self, user: SampleUser<'a>) -> Self {
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

/// Renders a page of the demo's application.
pub fn render_sample(page: &SamplePage<'_>) -> String {
    let frame = page.frame;
    let (title, lead) = match page.section {
        SampleSection::Admin => ("sample-admin-title", "sample-admin-lead"),
        SampleSection::Home => ("sample-home-title", "sample-home-lead"),
        SampleSection::Public => ("sample-public-title", "sample-public-lead"),
    };
    let methods = page.user.map_or(&[][..], |user| user.methods);
    finish(&SampleTemplate {
        frame,
        page,
        title: frame.t(title),
        lead: frame.t(lead),
        methods: method_names(&frame, methods),
        raw_methods: methods.iter().map(AuthenticationMethod::as_str).collect::<Vec<_>>().join(" "),
        signed_in: (page.user.and_then(|user| user.signed_in_at))
            .map(|at| (frame.machine(at), frame.instant(at))),
        initial: (page.user)
            .and_then(|user| user.name.chars().next())
            .map(|first| first.to_uppercase().collect())
            .unwrap_or_default(),
    })
}
