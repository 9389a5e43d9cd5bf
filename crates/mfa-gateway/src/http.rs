//! The public listener: what reaches it, who answers, and what every answer carries.

pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod cookies;
pub(crate) mod csrf;
pub(crate) mod form;
pub(crate) mod server;

pub(crate) use self::body::{Body, BoxError};
