use otp_core::{Attempt, Challenge, LockoutState, SubjectKey};

fn forge(subject: SubjectKey, challenge: Challenge) -> Attempt {
    Attempt { subject, challenge, attempts_left: 9, lockout_state: LockoutState::Open }
}

fn main() {}
