fn same(a: &otp_core::TypedCode) -> bool {
    a == "123456"
}

fn main() {}
