//! For the tests of plugins: a minimal host, and checks of the contract of
//! [`MfaPlugin`](crate::MfaPlugin).
//!
//! Not covered by semver: any release may add checks.
//!
//! Implement [`Candidate`] for the plugin and run [`check_contract`] in a test:
//!
//! ```
//! # use async_trait::async_trait;
//! # use mfa_plugin_api::*;
//! use mfa_plugin_api::test_kit::{Candidate, check_contract};
//!
//! # #[derive(Debug)]
//! # struct Quiz { descriptor: Descriptor, is_done: std::sync::atomic::AtomicBool }
//! # impl Quiz {
//! #     fn new() -> Self {
//! #         let factor = FactorId::new("quiz").expect("a valid name");
//! #         Self { descriptor: Descriptor::new(factor), is_done: false.into() }
//! #     }
//! #     fn ask() -> Reply {
//! #         let field = Field::new("answer", FieldKind::Text, Message::new("quiz-label"));
//! #         let prompt = Prompt::new(Message::new("quiz-title")).with_field(field);
//! #         Reply::new(Step::Prompt(prompt)).with_state(PluginState::from_bytes("asked"))
//! #     }
//! # }
//! # #[async_trait]
//! # impl MfaPlugin for Quiz {
//! #     fn descriptor(&self) -> &Descriptor { &self.descriptor }
//! #     async fn begin(&self, _: &FlowContext<'_>) -> Result<Reply, PluginError> { Ok(Self::ask()) }
//! #     async fn submit(&self, context: &FlowContext<'_>, typed: &Submission) -> Result<Reply, PluginError> {
//! #         use std::sync::atomic::Ordering::SeqCst;
//! #         if typed.value("answer") == Some("42") && !self.is_done.swap(true, SeqCst) {
//! #             let methods = [AuthenticationMethod::new("kba")];
//! #             return Ok(Reply::new(Step::Done(Evidence::new(methods, context.now))));
//! #         }
//! #         let Reply { step: Step::Prompt(prompt), .. } = Self::ask() else { unreachable!() };
//! #         let wrong = Rejection::new(RejectionKind::Wrong, Message::new("quiz-wrong"));
//! #         Ok(Reply::new(Step::Prompt(prompt.with_rejection(wrong))))
//! #     }
//! #     async fn action(&self, _: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> { Ok(Self::ask()) }
//! #     async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Prompt>, PluginError> {
//! #         let Reply { step: Step::Prompt(prompt), .. } = Self::ask() else { unreachable!() };
//! #         Ok(context.state.map(|_| prompt))
//! #     }
//! #     fn live_status(&self) -> Option<&dyn LiveStatus> { None }
//! # }
//! #[derive(Debug)]
//! struct QuizCandidate(Quiz);
//!
//! impl Candidate for QuizCandidate {
//!     fn plugin(&self) -> &dyn MfaPlugin {
//!         &self.0
//!     }
//!
//!     fn subject(&self) -> Subject {
//!         Subject::new("test", "alice")
//!     }
//!
//!     fn right_answer(&self) -> Submission {
//!         Submission::new().with("answer", "42")
//!     }
//!
//!     fn wrong_answer(&self) -> Submission {
//!         Submission::new().with("answer", "41")
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! check_contract(|| QuizCandidate(Quiz::new())).await;
//! # }
//! ```
//!
//! If the plugin has live status, pause the runtime's timer (with Tokio `start_paused = true`): the checks
//! wait for each change, and end after five seconds of real time.

mod audit;
mod contract;
mod limit;
mod login;
mod randomness;

pub use self::{
    audit::RecordingAudit,
    contract::{Candidate, check_contract},
    login::TestLogin,
    randomness::{FailingRandomness, SeededRandomness},
};
