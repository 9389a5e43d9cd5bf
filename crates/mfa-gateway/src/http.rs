//! Cookies and forms, and the check that a form comes from our own page.

pub(crate) mod cookies;
pub(crate) mod csrf;
mod fields;
pub(crate) mod flash;
pub(crate) mod form;
pub(crate) mod once;
