//! What no key shows alone: values that contradict one another, and values that are seldom meant.

mod contradictions;
mod local;
#[cfg(test)]
mod tests;
mod unlikely;

pub(super) use self::{contradictions::refuse_contradictions, unlikely::warn};
