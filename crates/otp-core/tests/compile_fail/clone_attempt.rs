fn twice(attempt: &otp_core::Attempt) -> otp_core::Attempt {
    attempt.clone()
}

fn main() {}
