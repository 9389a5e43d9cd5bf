#![doc = include_str!("../README.md")]

mod audit;
mod directory;
mod error;
mod evidence;
mod import;
mod login;
mod memory;
mod module;
mod name;
mod password;
mod policy;
mod session_store;
pub mod sqlite;
mod time;
mod token;
mod user;

pub use crate::audit::{AuditRecord, AuditTrail, FlowAudit, MemoryAuditTrail, PhoneTagKey};
pub use crate::directory::{Change, UserDirectory};
pub use crate::error::{AuthError, AuthErrorKind};
pub use crate::evidence::FactorEvidence;
pub use crate::import::{ImportFormat, ImportProblem, ImportRule};
pub use crate::login::{
    Completed, Decision, PasswordOutcome, PasswordVerified, PendingLogin, Recorded, Saved, Session,
};
pub use crate::memory::MemorySessionStore;
pub use crate::module::{
    AuthModule, AuthParts, AuthSettings, Disabled, InvalidSettings, NewPassword, NewUser,
    PasswordLimits, UnfitPassword, UserAdded, UserChanged,
};
pub use crate::name::{InvalidLoginName, LoginName};
pub use crate::password::{
    Busy, Expected, HashParameters, HasherLimits, InvalidPasswordHash, PasswordHash, PasswordHasher,
};
pub use crate::policy::{
    Access, CLOCK_SKEW, FactorPolicy, InvalidPolicy, Requirement, Rule, StepUp,
};
pub use crate::session_store::{
    EndAll, PendingRecord, SessionRecord, SessionStore, Swapped, Version,
};
pub use crate::token::{Full, Pending, PendingToken, SessionToken, Token, TokenDigest, TokenKind};
pub use crate::user::{Account, User, UserId};
