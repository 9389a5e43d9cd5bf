fn main() {
    let _ = otp_core::Policy(otp_core::PolicySettings::default());
}
