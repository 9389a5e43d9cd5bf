//! Checks a [`Transport`](crate::Transport) against its numbered contract. **Not covered by semver.**
//!
//! Needs the feature `transport-kit`; use it in tests only. There is one function for each clause, and
//! [`check_all`] for all of them. A check panics if the transport breaks the clause.
//!
//! A check needs a transport, and a server that behaves in a certain way: a [`Stage`]. [`Loopback`] is the
//! stage for transports that speak HTTP/1.1, with a server on 127.0.0.1. A transport that speaks something
//! else, or nothing, brings a stage of its own.
//!
//! What no check can see: what a transport logs, and whether it sends a request later than the check waits.
//!
//! ```
//! use karaden_client::{
//!     transport::ReqwestTransport,
//!     transport_kit::{self, Loopback},
//! };
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     let stage = Loopback::new(|| ReqwestTransport::builder().build().expect("a transport"));
//!     transport_kit::check_all(&stage).await;
//! }
//! ```

mod clauses;
mod loopback;
mod stage;

pub use self::{
    clauses::{
        check_all, clause_1_one_attempt, clause_2_no_redirects, clause_3_bounded,
        clause_4_not_sent_means_not_sent, clause_5_the_deadline, clause_6_dropping_ends_it,
        clause_7_nothing_shows, clause_8_whole,
    },
    loopback::Loopback,
    stage::{Behaviour, Counter, Scene, Stage, UnderWay},
};
