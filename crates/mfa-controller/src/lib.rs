//! The login state machine: drives the password and the factor plugins, and knows none by name.
//!
//! ```text
//!              login(name, password)                     step_up(session)
//!                     │                                         │
//!        ┌────────────┴──────┐                                  │
//!    Rejected          a pending login ◀──────────────────────── ┘
//!                            │   its token goes into the browser's pending cookie
//!                            ▼
//!      ┌──────▶ which factor is missing? ──── none ────▶ Finished: a session token
//!      │                     │
//!      │                begin a plugin
//!      │                     ▼
//!      │        Prompt │ Unavailable │ Denied ◀──── view (reload, back, other tabs, live status)
//!      │          │           │          │
//!      │     submit, action   └─ retry ──┘
//!      │          │
//!      └── evidence recorded
//! ```
//!
//! [`Controller`] holds no state of its own: a pending login lives in the authentication module, what
//! a plugin remembers with it. So every node of a cluster can take the next request, a restart loses
//! nothing, and whatever comes twice or too late finds out where the login really is.
//!
//! No HTTP type comes in or goes out: a [`LoginStep`] says everything that a host needs for its page,
//! its cookies and, by [`LoginStep::class`], its status.

mod controller;
mod driver;
mod standing;
mod step;

pub use crate::{
    controller::{Controller, InvalidPlugins, LoginRequest, RETRY},
    step::{
        DeniedStep, Failure, Finished, LoginStep, Pending, PromptStep, RejectedReason,
        RestartReason, StepClass, UnavailableStep,
    },
};
