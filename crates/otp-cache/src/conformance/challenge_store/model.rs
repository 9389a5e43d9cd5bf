//! The sequential model of one subject, and the calls of a history.

use std::{
    hash::{Hash, Hasher},
    time::SystemTime,
};

use otp_core::{
    AttemptRefused, Challenge, ChallengeId, ConsumeRefused, DeliveryStatus, NewChallenge,
    OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, SubjectRecord, layout,
};

use crate::{SubjectStatus, conformance::linear::Model};

/// A call of [`ChallengeStore`](crate::ChallengeStore) about one subject.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    Open(NewChallenge),
    Load(ChallengeId),
    Attempt(ChallengeId),
    Consume(ChallengeId),
    Resend(ChallengeId, SystemTime),
    Deliver(ChallengeId, DeliveryStatus),
    Revoke(ChallengeId),
    Status,
    Unlock,
}

/// What a caller can see of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Open(Result<Challenge, OpenRefused>),
    Load(Option<Challenge>),
    Attempt(Result<(Challenge, u8), AttemptRefused>),
    Consume(Result<(), ConsumeRefused>),
    Resend(Result<ResendPermit, ResendRefused>),
    Status(SubjectStatus),
    /// Of a call that returns nothing.
    Done,
}

/// One subject's record that executes one call after the other.
#[derive(Clone)]
pub(super) struct Sequential {
    record: SubjectRecord,
    subject: SubjectKey,
    policy: Policy,
    now: SystemTime,
}

impl Sequential {
    /// Creates the record of a subject that no store has heard of. `now` is the instant of all calls but resends.
    pub(super) fn new(subject: SubjectKey, policy: Policy, now: SystemTime) -> Self {
        Self { record: SubjectRecord::new(), subject, policy, now }
    }

    /// Returns the record's bytes with the challenges sorted. Their order decides nothing, and the fewer states
    /// differ, the shorter is the search.
    fn state(&self) -> Vec<u8> {
        let mut bytes = self.record.to_bytes();
        let mut challenges: Vec<_> = bytes
            .split_off(layout::HEADER_LEN)
            .chunks(layout::CHALLENGE_LEN)
            .map(Vec::from)
            .collect();
        challenges.sort_unstable();
        bytes.extend(challenges.into_iter().flatten());
        bytes
    }
}

impl PartialEq for Sequential {
    fn eq(&self, other: &Self) -> bool {
        self.state() == other.state()
    }
}

impl Eq for Sequential {}

impl Hash for Sequential {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state().hash(hasher);
    }
}

impl Model for Sequential {
    type Call = Call;
    type Answer = Answer;

    fn step(&mut self, call: &Call) -> Answer {
        let (record, policy, now) = (&mut self.record, &self.policy, self.now);
        match *call {
            Call::Open(new) => Answer::Open(record.open(new, policy, now)),
            Call::Load(id) => Answer::Load(record.challenge(id, now).cloned()),
            Call::Attempt(id) => {
                let attempt = record.begin_attempt(self.subject, id, policy, now);
                Answer::Attempt(attempt.map(|one| (one.challenge().clone(), one.attempts_left())))
            }
            // The model has no proof to consume. A success ends the challenge and clears the counters, which is
            // what revoking and unlocking do.
            Call::Consume(id) => {
                let is_there = record.challenge(id, now).is_some();
                if is_there {
                    record.revoke(id);
                    record.unlock();
                }
                Answer::Consume(is_there.then_some(()).ok_or(ConsumeRefused::NotFound))
            }
            Call::Resend(id, at) => Answer::Resend(record.grant_resend(id, policy, at)),
            Call::Deliver(id, delivery) => {
                record.record_delivery(id, delivery, policy, now);
                Answer::Done
            }
            Call::Revoke(id) => {
                record.revoke(id);
                Answer::Done
            }
            Call::Status => Answer::Status(SubjectStatus::of(record, policy, now)),
            Call::Unlock => {
                record.unlock();
                Answer::Done
            }
        }
    }
}
