#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod gcra;
pub mod layout;
pub mod message;
pub mod oath;

mod binding;
mod code;
mod fields;
mod format;
mod id;
mod key;
mod phone;
mod policy;
#[cfg(feature = "rand")]
mod random;
mod record;
#[cfg(feature = "serde")]
mod serde_impls;
mod time;

pub use binding::Binding;
pub use code::{OtpCode, TypedCode};
pub use format::{Alphabet, CodeFormat, InvalidAlphabet, InvalidLength, Malformed};
pub use id::{ChallengeId, InvalidId, InvalidPurpose, KeyId, Nonce, Purpose, SubjectKey};
pub use key::{DigestKey, DuplicateKeyId, KeyRing, KeyTooShort, UnknownKey};
pub use phone::{AllowedPrefixes, InvalidPhoneNumber, PhoneNumber, UnknownPrefix};
pub use policy::{
    AllowedValues, InvalidPolicy, Policy, PolicyProblem, PolicySetting, PolicySettings,
};
pub use record::{
    Attempt, AttemptLimiter, AttemptRefused, Challenge, ChallengeParts, ConsumeRefused, Consumed,
    CountedAttempt, DeliveryStatus, InvalidRecord, LimiterParts, LockedOut, LockoutState,
    NewChallenge, NotConsumed, OpenRefused, Rejected, ResendPermit, ResendRefused, SubjectRecord,
    Verified,
};
pub use time::MAX_CLOCK_LEAD;
