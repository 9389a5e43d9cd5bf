//! What a browser sends: cookies, forms, and the proof that they come from our own pages.

pub(crate) mod cookies;
pub(crate) mod csrf;
pub(crate) mod form;
