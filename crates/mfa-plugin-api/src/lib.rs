#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod evidence;
mod message;
mod plugin;
mod prompt;
mod services;
mod step;
mod submission;
#[cfg(test)]
mod tests;

#[cfg(feature = "test-kit")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-kit")))]
pub mod test_kit;

pub use crate::context::{
    AuditEvent, AuditSink, ClientFacts, FlowContext, FlowId, PluginState, Randomness,
    RandomnessUnavailable, Subject,
};
pub use crate::evidence::{AuthenticationMethod, Evidence};
pub use crate::message::{Arg, Message};
pub use crate::plugin::{Descriptor, FactorId, InvalidFactorId, MfaPlugin, PluginError};
pub use crate::prompt::{
    Action, ActionId, Field, FieldKind, Notice, Prompt, Rejection, RejectionKind,
};
pub use crate::services::Services;
pub use crate::step::{Denied, Reply, Step, Unavailable};
pub use crate::submission::Submission;
