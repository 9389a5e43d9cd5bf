//! The authentication module itself.

mod administration;
mod attempt;
mod core;
mod familiarity;
mod imports;
mod limit;
mod limit_notes;
mod limits;
mod logins;
mod pages;
mod password_limits;
mod passwords;
mod refusals;
mod sessions;
mod settings;

pub use self::{
    administration::{Disabled, UserAdded, UserChanged},
    core::{Administration, AuthModule, AuthParts},
    password_limits::PasswordLimits,
    refusals::SuspectRequest,
    settings::{AuthSettings, InvalidSettings},
};
