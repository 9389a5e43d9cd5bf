//! Passwords: checking them, and the hashes of those that are kept here.

mod check;
mod costs;
mod hash;
mod hashed;
mod hasher;

pub use self::{
    check::{PasswordAttempt, PasswordCheck, PasswordVerdict},
    hash::{HashParameters, InvalidPasswordHash, PasswordHash},
    hashed::{HashCost, HashSource, HashedPasswords},
    hasher::{Busy, Expected, HasherLimits, PasswordHasher},
};
