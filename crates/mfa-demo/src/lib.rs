//! The demo: simulator, sample application and gateway in one process, over real HTTP.
//!
//! [`run`] starts all parts, and waits or lets a scripted user log in. The tests of the program use the
//! same [`Browser`]. Packages are built without this crate, because it prints its passwords.

mod application;
mod browser;
mod clock;
mod configuration;
mod demo;
mod options;
mod output;
mod run;
mod sample;
mod timings;
mod users;
mod walk;

pub use browser::{Browser, Seen};
pub use options::{Mode, Options, Sender};
pub use run::run;
