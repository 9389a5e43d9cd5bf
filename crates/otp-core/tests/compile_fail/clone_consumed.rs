fn twice(consumed: &otp_core::Consumed) -> otp_core::Consumed {
    consumed.clone()
}

fn main() {}
