fn show(text: otp_core::message::SmsText) {
    println!("{text}");
}

fn main() {}
