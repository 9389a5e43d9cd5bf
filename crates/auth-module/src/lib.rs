#![doc = include_str!("../README.md")]

mod audit;
mod destination;
mod directory;
mod error;
mod evidence;
mod factor_snapshot;
mod import;
mod login;
mod memory;
mod module;
mod name;
mod password;
mod policy;
mod session_store;
pub mod time;
mod token;
mod user;

pub use crate::{
    audit::{AuditRecord, AuditTrail, FlowAudit, MemoryAuditTrail, PhoneTagKey},
    destination::{AppName, Destination, InvalidAppName, InvalidDestination},
    directory::{Change, UserDirectory},
    error::{AuthError, AuthErrorKind},
    evidence::FactorEvidence,
    factor_snapshot::{FactorSnapshot, FactorStatus},
    import::{ImportFormat, ImportProblem, ImportRule},
    login::{Completed, PasswordOutcome, PasswordVerified, PendingLogin, Recorded, Saved, Session},
    memory::MemorySessionStore,
    module::{
        AuthModule, AuthParts, AuthSettings, Disabled, InvalidSettings, NewPassword, NewUser,
        PasswordLimits, UnfitPassword, UserAdded, UserChanged,
    },
    name::{InvalidLoginName, LoginName},
    password::{
        Busy, Expected, HashParameters, HasherLimits, InvalidPasswordHash, PasswordHash,
        PasswordHasher,
    },
    policy::{
        Access, CLOCK_SKEW, Decision, FactorChoice, InvalidPathPrefix, InvalidRequirement,
        PathPrefix, Policy, Reason, RequestFacts, Requirement, Rule, StepUp, UnreachableRule,
        UserFacts, Verdict, unreachable_rules,
    },
    session_store::{EndAll, PendingRecord, SessionRecord, SessionStore, Swapped, Version},
    token::{Full, Pending, PendingToken, SessionToken, Token, TokenDigest, TokenKind},
    user::{Account, User, UserId},
};
