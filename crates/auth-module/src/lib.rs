#![doc = include_str!("../README.md")]

mod audit;
mod audit_archive;
mod audit_chain;
mod audit_reader;
mod bounded_trail;
#[cfg(feature = "conformance")]
pub mod conformance;
mod destination;
mod error;
mod evidence;
mod factor_snapshot;
mod import;
mod known_browser;
mod login;
mod memory;
mod module;
mod name;
mod network;
mod new_user;
mod password;
mod policy;
mod session_cache;
mod session_record;
mod session_store;
mod stored_audit_record;
pub mod time;
mod token;
mod user;
mod users;

pub use crate::{
    audit::{AuditRecord, AuditTrail, FlowAudit, PhoneTagKey},
    audit_archive::{AuditArchive, SealRule},
    audit_chain::{
        CHAIN_STARTED, ChainBreak, ChainHash, ChainHead, ChainKey, ChainProblem, ChainReport,
        ChainVerifier, ChainedRecord, InvalidChainHash, InvalidChainHead, Segment,
    },
    audit_reader::{AuditQuery, AuditReader},
    bounded_trail::AuditCounts,
    destination::{AppName, Destination, InvalidAppName, InvalidDestination},
    error::{AuthError, AuthErrorKind},
    evidence::FactorEvidence,
    factor_snapshot::{FactorSnapshot, FactorStatus},
    import::{
        Encoding, ImportFormat, ImportOptions, ImportProblem, ImportReport, ImportRule,
        ImportedChange, check_import,
    },
    known_browser::{KNOWN_BROWSER_LIFETIME, KnownBrowserCookie, KnownBrowserKey},
    login::{Completed, PasswordOutcome, PasswordVerified, PendingLogin, Recorded, Saved, Session},
    memory::{MemoryAuditTrail, MemorySessions, MemoryUsers},
    module::{
        Administration, AuthModule, AuthParts, AuthSettings, Disabled, InvalidSettings,
        PasswordLimits, SuspectRequest, UserAdded, UserChanged,
    },
    name::{InvalidLoginName, LoginName},
    new_user::{NewPassword, NewUser},
    password::{
        Busy, Expected, HashCost, HashKind, HashParameters, HashSource, HashedPasswords,
        HasherLimits, InvalidPasswordHash, InvalidPepper, PasswordAttempt, PasswordCheck,
        PasswordHash, PasswordHasher, PasswordVerdict, PepperId, Peppers, Requester, UnfitPassword,
    },
    policy::{
        Access, CLOCK_SKEW, DecidingRules, Decision, FactorChoice, InvalidPathPattern,
        InvalidRequirement, PathPattern, Policy, Reason, RequestFacts, Requirement, Rule, StepUp,
        UnreachableRule, UserFacts, Verdict, has_one_reading, unreachable_rules,
    },
    session_cache::CachedSessions,
    session_record::{SessionClient, SessionId, SessionRecord, StoredSession, UserSnapshot},
    session_store::{EndAll, PendingRecord, Sessions, UpdateOutcome, Version},
    stored_audit_record::{AuditId, StoredAuditRecord},
    token::{Full, Pending, PendingToken, SessionToken, Token, TokenDigest, TokenKind},
    user::{Account, User, UserId, is_group},
    users::{AccountsAdded, Batch, BatchApplied, Change, GroupChange, UserAdministration, Users},
};
