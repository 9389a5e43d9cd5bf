fn forge(subject: otp_core::SubjectKey, challenge: otp_core::Challenge) -> otp_core::Verified {
    otp_core::Verified { subject, challenge }
}

fn main() {}
