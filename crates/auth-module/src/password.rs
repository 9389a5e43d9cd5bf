//! Password hashes and the bounded pool that computes them.

mod hash;
mod hasher;

pub use self::hash::{HashParameters, InvalidPasswordHash, PasswordHash};
pub use self::hasher::{Busy, Expected, HasherLimits, PasswordHasher};
