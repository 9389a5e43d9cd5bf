//! The state that the plugin keeps between two calls of one login, and the ids that it derives.

use mfa_plugin_api::{FlowContext, PluginState};
use otp_core::ChallengeId;
use sha2::{Digest as _, Sha256};

/// The outcome of the last send, as the page words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The provider accepted the message.
    Accepted,
    /// It is not known whether the message was sent.
    Unknown,
}

/// The state of one login: its current challenge. It contains no secret and no phone number.
///
/// Challenge ids follow from the login and `generation`. So a lost or stale state leads to an older
/// challenge, never to a second message or to more attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtpState {
    /// How many challenges this login opened before the current one.
    pub(crate) generation: u32,
    /// How the last send ended.
    pub(crate) sent: Sent,
}

/// The layout of the state: version, generation (big-endian), outcome of the last send.
const VERSION: u8 = 1;

impl OtpState {
    pub(crate) fn load(context: &FlowContext<'_>) -> Option<Self> {
        let [VERSION, a, b, c, d, sent] = *context.state?.as_bytes() else {
            return None;
        };
        let sent = if sent == 0 { Sent::Accepted } else { Sent::Unknown };
        Some(Self { generation: u32::from_be_bytes([a, b, c, d]), sent })
    }

    pub(crate) fn to_state(self) -> PluginState {
        let [a, b, c, d] = self.generation.to_be_bytes();
        let sent = u8::from(self.sent == Sent::Unknown);
        PluginState::from_bytes([VERSION, a, b, c, d, sent])
    }
}

/// Returns the id of a login's challenge of this generation.
///
/// It follows from the login. So after a call was cut off, the next one finds the challenge again and sends
/// no second message.
pub(crate) fn challenge_id(context: &FlowContext<'_>, generation: u32) -> ChallengeId {
    let mut hash = Sha256::new();
    let fields = [
        "sms-otp-plugin/challenge/1",
        context.subject.tenant(),
        context.subject.id(),
        context.factor.as_str(),
        context.flow.as_str(),
    ];
    for field in fields {
        hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hash.update(generation.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    ChallengeId::from_bytes(id)
}
