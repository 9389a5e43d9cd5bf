//! Lists of addresses as proxies write them: `X-Forwarded-For`, and `Forwarded` (RFC 7239).
//!
//! Each proxy adds an entry at the end of a line whose beginning the client may have written. So a line is read from
//! its end, and no byte further left changes how an entry is read.

use std::net::IpAddr;

/// Returns the entries of a line that are not blank, the last one first. A separator within quotes does not count.
pub(super) fn entries_from_right(line: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let mut is_quoted = false;
        let at = line.iter().rposition(|byte| {
            is_quoted ^= *byte == b'"';
            *byte == separator && !is_quoted
        });
        rest = at.map(|at| &line[..at]);
        Some(at.map_or(line, |at| &line[at + 1..]))
    })
    .map(<[u8]>::trim_ascii)
    .filter(|entry| !entry.is_empty())
}

/// Returns the address of an entry of `X-Forwarded-For`; `None` if it is none. A port, quotes and a zone are cut off.
pub(super) fn address_of_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_ascii();
    let text = match text.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => text,
    };
    let (address, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (address, rest) = bracketed.split_once(']')?;
            (address, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        // More than one colon: an IPv6 address without a port.
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(address, port)| (address, Some(port))),
    };
    let address = address.split_once('%').map_or(address, |(address, _zone)| address);
    let address: IpAddr = address.parse().ok()?;
    port.is_none_or(is_port).then(|| address.to_canonical())
}

/// Returns the address that an element of `Forwarded` has in `for`; `None` if it has none, or two.
pub(super) fn address_of_element(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in entries_from_right(element, b';') {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        if !pair[..equals].trim_ascii().eq_ignore_ascii_case(b"for") {
            continue;
        }
        if found.replace(address_of_entry(&pair[equals + 1..])?).is_some() {
            return None;
        }
    }
    found
}

/// A number, or an obfuscated port (RFC 7239, section 6.3).
fn is_port(text: &str) -> bool {
    let is_number = text.parse::<u16>().is_ok();
    is_number || text.strip_prefix('_').is_some_and(|name| !name.is_empty())
}
