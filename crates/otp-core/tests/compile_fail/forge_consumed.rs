use otp_core::{Challenge, Consumed, SubjectKey};

/// A success of another challenge out of one that was had.
fn forge(subject: SubjectKey, challenge: Challenge, had: Consumed) -> Consumed {
    Consumed { subject, challenge, ..had }
}

fn main() {}
