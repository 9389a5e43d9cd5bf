//! Any `Cookie` headers: the gateway reads a cookie of its own only if it is there once, under its exact name. The
//! application gets none of them, in no spelling of the name, and all others in their order.
//!
//! Each line of an input is a header.
#![no_main]

use http::{HeaderMap, HeaderValue, header::COOKIE};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/mfa-gateway/src/http/cookies.rs"]
#[allow(dead_code)]
mod own;
#[path = "../../crates/mfa-proxy/src/cookies.rs"]
#[allow(dead_code)]
mod proxy;

const OWN: [own::OwnCookie; 6] =
    [own::BROWSER, own::FLASH, own::KNOWN, own::LANGUAGE, own::PENDING, own::SESSION];
const NAMES: [&[u8]; 6] = [
    b"__Host-mfa_browser",
    b"__Host-mfa_flash",
    b"__Host-mfa_known",
    b"__Host-mfa_language",
    b"__Host-mfa_login",
    b"__Host-mfa_session",
];

/// Returns name and pair of each cookie, as RFC 6265 lets a server read them.
fn pairs(headers: &HeaderMap) -> Vec<(Vec<u8>, Vec<u8>)> {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|b| *b == b';')).map(<[u8]>::trim_ascii);
    let name = |pair: &[u8]| {
        let name = pair.split(|b| *b == b'=').next().unwrap_or_default();
        name.trim_ascii().to_vec()
    };
    pairs.filter(|pair| !pair.is_empty()).map(|pair| (name(pair), pair.to_vec())).collect()
}

const PREFIX: &[u8] = b"__host-mfa_";

fn is_own(name: &[u8]) -> bool {
    name.to_ascii_lowercase().starts_with(PREFIX)
}

/// Whether a lenient server may find one of our names in the pair. Such a pair may be removed as well.
fn is_doubtful(pair: &[u8]) -> bool {
    let visible = pair.iter().filter(|b| b.is_ascii_graphic());
    let visible: Vec<u8> = visible.map(u8::to_ascii_lowercase).collect();
    visible.windows(PREFIX.len()).any(|part| part == PREFIX)
}

fuzz_target!(|input: &[u8]| {
    let lines = input.split(|b| *b == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let mut headers: HeaderMap = lines.map(|line| (COOKIE, line)).collect();
    let before = pairs(&headers);
    for (cookie, name) in OWN.into_iter().zip(NAMES) {
        let is_exact =
            |pair: &[u8]| pair.strip_prefix(name).is_some_and(|rest| rest.starts_with(b"="));
        let count = before.iter().filter(|(_, pair)| is_exact(pair)).count();
        assert_eq!(cookie.is_carried(&headers), count > 0);
        assert!(cookie.value(&headers).is_none() || count == 1);
    }
    proxy::strip_with_prefix(&mut headers, own::PREFIX);
    let after = pairs(&headers);
    assert!(!after.iter().any(|(name, _)| is_own(name)));
    let clear = |(_, pair): &&(Vec<u8>, Vec<u8>)| !is_doubtful(pair);
    assert!(before.iter().filter(clear).eq(after.iter().filter(clear)));
    assert!(OWN.iter().all(|cookie| cookie.value(&headers).is_none()));
});
