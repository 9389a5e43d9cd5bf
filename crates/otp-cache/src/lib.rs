#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod challenge_store;
mod charging;
mod error;
#[cfg(any(feature = "memory", feature = "redis", feature = "sqlite-unbundled"))]
mod local_notifier;
mod notes;
mod notifier;
mod otp_store;
mod pointer;
mod quota;
mod status;

#[cfg(feature = "conformance")]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
#[cfg(feature = "memory")]
#[cfg_attr(docsrs, doc(cfg(feature = "memory")))]
pub mod memory;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis;
#[cfg(feature = "sqlite-unbundled")]
#[cfg_attr(docsrs, doc(cfg(any(feature = "sqlite", feature = "sqlite-unbundled"))))]
pub mod sqlite;

pub use async_trait::async_trait;
pub use otp_core;

pub use challenge_store::{ChallengeStore, consume_with_retries};
pub use charging::{GrantedCharges, charge_all};
pub use error::{ConsumeFailed, StoreError, StoreErrorKind};
#[cfg(any(feature = "memory", feature = "redis", feature = "sqlite-unbundled"))]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "memory", feature = "redis", feature = "sqlite-unbundled")))
)]
pub use local_notifier::LocalNotifier;
pub use notes::{DeliveryNote, DeliveryNotes, NoteKey};
pub use notifier::{Notifier, Subscription};
pub use otp_store::OtpStore;
pub use quota::{Charge, Charged, Quota, QuotaKey, QuotaRefused};
pub use status::SubjectStatus;
