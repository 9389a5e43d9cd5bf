//! The authentication module: who a user is, what was proved, and what is still missing.
//!
//! It owns everything of a login that is not one factor's business: the users and their passwords,
//! logins on their way ([`PendingLogin`]) and sessions ([`Session`]), the rules which path needs
//! which factors ([`FactorPolicy`]), the audit trail, and the OTP cache that it hands to plugins.
//!
//! ```text
//!   verify_password ──▶ PasswordVerified ──open_pending──▶ PendingLogin ─┐
//!        │                                                  ▲  │  ▲      │ record_evidence,
//!        └▶ Rejected │ Throttled │ Busy        open_step_up ┘  │  └──────┘ save_plugin_state
//!                                                   │          │
//!                                                Session ◀─complete (one winner; nothing missing)
//!                                                   │
//!                                                   └─▶ logout │ expiry │ idle │ user disabled
//! ```
//!
//! [`AuthModule`] is the door. Behind it are ports: [`UserDirectory`], [`SessionStore`] and
//! [`AuditTrail`], each with an implementation over one SQLite file ([`sqlite`]). Time and
//! randomness come in as arguments.

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
