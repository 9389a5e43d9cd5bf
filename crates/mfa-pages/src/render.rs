//! From a template to a page.

/// Writes a template out.
pub(crate) fn finish(template: &impl askama::Template) -> String {
    template.render().expect("a template only writes to a string, which cannot fail")
}
