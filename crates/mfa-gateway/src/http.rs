//! Cookies, forms and headers: the parts of HTTP that the gateway's own pages need.

pub(crate) mod accept;
pub(crate) mod cookies;
pub(crate) mod csrf;
mod fields;
pub(crate) mod flash;
pub(crate) mod form;
pub(crate) mod once;
pub(crate) mod security_headers;
