fn show(it: otp_core::oath::OathSecret) {
    println!("{it}");
}

fn main() {}
