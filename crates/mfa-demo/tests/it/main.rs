//! A gateway with a factor of a program's own, and sessions in use.

mod added_factor;
mod common;
mod sessions;
