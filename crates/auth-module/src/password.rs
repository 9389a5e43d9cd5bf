//! Password hashes and the bounded pool that computes them.

mod hash;
mod hasher;

pub use self::{
    hash::{HashParameters, InvalidPasswordHash, PasswordHash},
    hasher::{Busy, Expected, HasherLimits, PasswordHasher},
};
