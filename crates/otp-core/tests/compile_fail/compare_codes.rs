fn same(a: &otp_core::OtpCode, b: &otp_core::OtpCode) -> bool {
    a == b
}

fn main() {}
