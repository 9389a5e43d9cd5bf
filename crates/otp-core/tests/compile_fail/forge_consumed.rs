fn forge(subject: otp_core::SubjectKey, challenge: otp_core::Challenge, now: std::time::SystemTime) {
    let _ = otp_core::Consumed { subject, challenge, at: now };
}

fn main() {}
