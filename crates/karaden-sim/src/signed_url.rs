//! The signed URLs of the storage.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{id::Id, request::Call, shared::Shared, time::Instant};

pub(crate) const UPLOADS: &str = "/storage/uploads/";
pub(crate) const RESULTS: &str = "/storage/results/";

pub(crate) fn upload_url(shared: &Shared, call: &Call<'_>, id: Id, expires_at: Instant) -> String {
    signed(shared, call, &format!("{UPLOADS}{id}"), expires_at)
}

pub(crate) fn download_url(
    shared: &Shared,
    call: &Call<'_>,
    id: Id,
    expires_at: Instant,
) -> String {
    signed(shared, call, &format!("{RESULTS}{id}"), expires_at)
}

fn signed(shared: &Shared, call: &Call<'_>, path: &str, expires_at: Instant) -> String {
    let base = match &shared.config.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("{}://{}", shared.config.scheme(), call.host.unwrap_or("localhost")),
    };
    let expires = expires_at.as_millis();
    let signature = signature(shared, path, expires);
    format!("{base}{path}?expires={expires}&signature={signature}")
}

fn mac(shared: &Shared, path: &str, expires: i64) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&shared.storage_key).ok()?;
    mac.update(path.as_bytes());
    mac.update(&expires.to_be_bytes());
    Some(mac)
}

fn signature(shared: &Shared, path: &str, expires: i64) -> String {
    let mut hex = String::with_capacity(64);
    if let Some(mac) = mac(shared, path, expires) {
        for byte in mac.finalize().into_bytes() {
            let _ = write!(hex, "{byte:02x}");
        }
    }
    hex
}

/// Whether the URL is ours and still valid: at its end itself it is gone.
pub(crate) fn is_signed(shared: &Shared, call: &Call<'_>) -> bool {
    let query = call.query();
    let Some(expires) = query.get("expires").and_then(|text| text.parse::<i64>().ok()) else {
        return false;
    };
    let given: Option<Vec<u8>> = query.get("signature").and_then(|hex| {
        let digits: Option<Vec<_>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
        let pairs = digits?;
        let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair.get(1)?).ok();
        pairs.chunks(2).map(byte).collect()
    });
    let (Some(given), Some(mac)) = (given, mac(shared, call.path, expires)) else { return false };
    mac.verify_slice(&given).is_ok() && call.now < Instant::from_millis(expires)
}
