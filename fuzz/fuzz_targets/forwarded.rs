//! Any line of `X-Forwarded-For` or `Forwarded`: no panic, and what a proxy adds at its end is read whatever the client
//! wrote before it.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/mfa-proxy/src/address/forwarded.rs"]
mod forwarded;

use forwarded::{address_of_element, address_of_entry, entries_from_right};

const ADDED: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

fuzz_target!(|line: &[u8]| {
    for entry in entries_from_right(line, b',') {
        let _ = (address_of_entry(entry), address_of_element(entry));
    }
    let last = |added: &[u8], read: fn(&[u8]) -> Option<IpAddr>| {
        let whole = [line, added].concat();
        entries_from_right(&whole, b',').next().and_then(read)
    };
    assert_eq!(last(b", 203.0.113.9:80", address_of_entry), Some(ADDED));
    assert_eq!(last(b",for=\"203.0.113.9\";proto=https", address_of_element), Some(ADDED));
});
