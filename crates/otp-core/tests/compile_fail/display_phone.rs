fn show(phone: otp_core::PhoneNumber) {
    println!("{phone}");
}

fn main() {}
