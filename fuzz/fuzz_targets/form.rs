//! Any body of a form: no panic, no field twice and none too many; and fields are written as they were read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::form_urlencoded::Serializer;

#[path = "../../crates/mfa-gateway/src/http/fields.rs"]
#[allow(dead_code)]
mod fields;

const MAX_FIELDS: usize = 32;

fuzz_target!(|body: &[u8]| {
    let Ok(form) = fields::Form::parse(body) else { return };
    let read: Vec<(String, String)> =
        form.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert!(read.len() <= MAX_FIELDS);
    assert!(read.windows(2).all(|pair| pair[0].0 < pair[1].0), "each name once");
    let written = Serializer::new(String::new()).extend_pairs(&read).finish();
    let again = fields::Form::parse(written.as_bytes()).unwrap_or_else(|_| panic!("{written}"));
    for (name, value) in &read {
        assert_eq!((form.field(name), again.field(name)), (value.as_str(), value.as_str()));
    }
});
