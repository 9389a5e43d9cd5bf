fn show(code: otp_core::OtpCode) {
    println!("{code}");
}

fn main() {}
