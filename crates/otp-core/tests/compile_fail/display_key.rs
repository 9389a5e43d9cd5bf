fn show(it: otp_core::DigestKey) {
    println!("{it}");
}

fn main() {}
