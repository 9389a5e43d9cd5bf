fn copy(code: &otp_core::OtpCode) -> otp_core::OtpCode {
    code.clone()
}

fn main() {}
