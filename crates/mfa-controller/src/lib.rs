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
//! [`Controller`] holds no state. The authentication module stores each pending login together with the
//! last reply of each factor's plugin. So any node of a cluster can take the next request, and a restart
//! loses nothing. A request that comes twice or too late gets the current step of the login.
//!
//! A host may redirect after each POST: [`Controller::view`] shows the notice or the rejection that the
//! last submission or action produced, until the next one, and counts nothing.
//!
//! An open page does not poll: [`Controller::watch`] returns a [`LivePrompt`], whose
//! [`changed`](LivePrompt::changed) waits for news. If the user has approved the login elsewhere, it returns
//! [`Watched::Moved`]: the page loads itself again, and [`Controller::view`] completes the login.
//!
//! The interface has no HTTP types. A [`LoginStep`] holds everything that a host needs for its page and
//! its cookies; its status code follows from [`LoginStep::class`].

mod controller;
mod driver;
mod live;
mod shared;
mod step;

pub use crate::{
    controller::{Controller, InvalidPlugins, LoginRequest, RETRY},
    live::{LivePrompt, Watched},
    step::{
        DeniedStep, Failure, Finished, LoginStep, Pending, PromptStep, RejectedReason,
        RestartReason, StepClass, UnavailableStep,
    },
};
