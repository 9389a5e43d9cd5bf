//! Whatever is posted to the callback's path, and whatever a user calls a number: no panic, and only a
//! plain id or eleven digits come out.
#![no_main]

use karaden_client::{
    PhoneNumber,
    sms::callback::{CallbackSecret, Received, receive},
};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "0123456789abcdefghijkl";

fuzz_target!(|body: &[u8]| {
    let secret = CallbackSecret::new(SECRET).unwrap();
    if let Received::Report(report) = receive("POST", SECRET, body, &secret) {
        let id = report.message_id().as_str();
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    }
    let Ok(text) = std::str::from_utf8(body) else { return };
    if let Ok(number) = PhoneNumber::new(text) {
        assert_eq!(number.expose_digits().len(), 11);
        assert_eq!(PhoneNumber::new(number.expose_digits()).as_ref(), Ok(&number));
    }
    // A path with anything before the secret is judged the same, anything else is not found.
    assert_eq!(receive("POST", text, b"", &secret).status() == 404, !ends_in_secret(text));
});

fn ends_in_secret(path: &str) -> bool {
    path.rsplit('/').next() == Some(SECRET)
}
