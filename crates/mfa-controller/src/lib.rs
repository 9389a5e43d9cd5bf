//! The login state machine: drives the password and the factor plugins, and knows none by name.

mod controller;
mod drive;
mod standing;
mod step;

pub use crate::controller::{Controller, InvalidPlugins, LoginRequest, RETRY};
pub use crate::step::{
    DeniedStep, Failure, Finished, LoginStep, Pending, PromptStep, RejectedReason, RestartReason,
    StepClass, UnavailableStep,
};
