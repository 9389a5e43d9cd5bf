fn show(it: otp_core::TypedCode) {
    println!("{it}");
}

fn main() {}
