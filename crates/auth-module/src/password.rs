//! Passwords: checking them, and the hashes of those that are kept here.

mod argon2id;
mod check;
mod costs;
mod fair_queue;
mod foreign;
mod hash;
mod hashed;
mod hasher;
mod invalid;
mod pepper;
mod requester;
mod turns;
mod unfit;

pub use self::{
    argon2id::HashParameters,
    check::{PasswordAttempt, PasswordCheck, PasswordVerdict},
    hash::{HashKind, PasswordHash},
    hashed::{HashCost, HashSource, HashedPasswords},
    hasher::{Busy, Expected, HasherLimits, PasswordHasher},
    invalid::InvalidPasswordHash,
    pepper::{InvalidPepper, PepperId, Peppers},
    requester::Requester,
    unfit::UnfitPassword,
};
pub(crate) use self::{
    hasher::PasswordJob,
    unfit::{MAX_PASSWORD_BYTES, MIN_CHARS, PasswordRules},
};
