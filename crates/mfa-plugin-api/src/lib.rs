#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod credential;
mod enrol;
mod error;
mod evidence;
mod factor;
mod live_status;
mod message;
mod names;
mod plugin;
mod prompt;
mod services;
mod step;
mod submission;
#[cfg(test)]
mod tests;
#[cfg(feature = "serde")]
mod wire;

#[cfg(feature = "test-kit")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-kit")))]
pub mod test_kit;

pub use crate::{
    context::{
        AuditEvent, AuditSink, ClientFacts, FlowContext, FlowId, FlowParts, PluginState,
        Randomness, RandomnessUnavailable, Subject,
    },
    credential::Credential,
    enrol::{Enrol, EnrolReply, EnrolStep},
    error::PluginError,
    evidence::{AuthenticationMethod, Evidence},
    factor::{FactorId, InvalidFactorId},
    live_status::{LiveStatus, MAX_LIVE_WAIT},
    message::{Arg, Message},
    plugin::{Descriptor, MfaPlugin},
    prompt::{
        Action, ActionId, Ceremony, Field, FieldKind, Notice, Prompt, Rejection, RejectionKind,
    },
    services::Services,
    step::{Denied, Reply, Step, Unavailable},
    submission::Submission,
};
