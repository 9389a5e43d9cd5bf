use std::time::SystemTime;

use otp_core::{SubjectRecord, Verified};

fn twice(record: &mut SubjectRecord, verified: Verified, now: SystemTime) {
    let _ = record.consume(verified, now);
    let _ = record.consume(verified, now);
}

fn main() {}
