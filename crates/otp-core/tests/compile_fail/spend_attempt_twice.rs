use std::time::SystemTime;

use otp_core::{Attempt, Binding, CodeFormat, KeyRing, TypedCode};

fn twice(a: Attempt, k: &KeyRing, b: &Binding<'_>, f: &CodeFormat, t: &TypedCode, now: SystemTime) {
    let _ = a.verify(k, b, f, t, now);
    let _ = a.verify(k, b, f, t, now);
}

fn main() {}
