//! Rendering a template.

/// Renders a template.
pub(crate) fn finish(template: &impl askama::Template) -> String {
    template.render().expect("a template only writes to a string, which cannot fail")
}
