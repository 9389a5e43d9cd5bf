//! What the authentication module promises, through its public door.

mod common;
mod login;
