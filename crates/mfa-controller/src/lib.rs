//! The login state machine: drives the password and the factor plugins, and knows none by name.

mod step;

pub use crate::step::{
    DeniedStep, Finished, LoginStep, Pending, PendingToken, PromptStep, RejectedReason,
    RestartReason, SessionToken, StepClass, UnavailableStep,
};
