fn twice(verified: &otp_core::Verified) -> otp_core::Verified {
    verified.clone()
}

fn main() {}
