fn show(it: otp_core::message::OriginBound) {
    println!("{it}");
}

fn main() {}
