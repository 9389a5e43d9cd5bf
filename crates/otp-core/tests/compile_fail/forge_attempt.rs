use otp_core::{Attempt, Challenge, Standing, SubjectKey};

fn forge(subject: SubjectKey, challenge: Challenge) -> Attempt {
    Attempt { subject, challenge, attempts_left: 9, standing: Standing::Open }
}

fn main() {}
