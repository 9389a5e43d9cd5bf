//! Any request to the callback's path, and any text as a phone number: no panic, and the result is a plain id or
//! eleven digits.
#![no_main]

use karaden_client::{
    Recipient,
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
    if let Ok(number) = Recipient::new(text) {
        assert_eq!(number.expose_digits().len(), 11);
        assert_eq!(Recipient::new(number.expose_digits()).as_ref(), Ok(&number));
    }
    // Only the last segment of the path counts. With another one the response is 404.
    assert_eq!(receive("POST", text, b"", &secret).status() == 404, !ends_in_secret(text));
});

fn ends_in_secret(path: &str) -> bool {
    path.rsplit('/').next() == Some(SECRET)
}
