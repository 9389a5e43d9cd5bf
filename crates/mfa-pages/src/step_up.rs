//! The question before a step-up: a page needs a factor again that was verified too long ago.

use askama::Template;

use crate::{
    csrf::CsrfToken,
    render::finish,
    site::{Frame, field, path},
};

/// What the question before a step-up shows.
///
/// The question comes first because a step-up sends a message: a link from another site must not cause one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StepUpPage<'a> {
    /// Site, language and instant.
    pub frame: Frame<'a>,
    /// The token of the form.
    pub csrf: CsrfToken<'a>,
    /// Where to go after the step-up: a path on this host.
    pub return_to: &'a str,
}

impl<'a> StepUpPage<'a> {
    /// Creates a page that leads to `return_to`.
    pub fn new(frame: Frame<'a>, csrf: CsrfToken<'a>, return_to: &'a str) -> Self {
        Self { frame, csrf, return_to }
    }
}

#[derive(Template)]
#[template(path = "step_up.html")]
struct StepUpTemplate<'a> {
    frame: Frame<'a>,
    tab_title: String,
    page: &'a StepUpPage<'a>,
}

/// Renders the question before a step-up.
pub fn render_step_up(page: &StepUpPage<'_>) -> String {
    let frame = page.frame;
    let tab_title = frame.tab_title(&frame.t("reverify-title"), false);
    finish(&StepUpTemplate { frame, tab_title, page })
}
