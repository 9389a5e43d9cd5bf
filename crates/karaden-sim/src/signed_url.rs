//! The signed URLs of the storage.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

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
    let signature = signature(shared, path, expires).unwrap_or_default();
    format!("{base}{path}?expires={expires}&signature={signature}")
}

/// Returns the signature in hexadecimal; never `None`, because HMAC takes keys of any length and
/// a string takes any text.
fn signature(shared: &Shared, path: &str, expires: i64) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&shared.storage_key).ok()?;
    mac.update(path.as_bytes());
    mac.update(&expires.to_be_bytes());
    let mut hex = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        write!(hex, "{byte:02x}").ok()?;
    }
    Some(hex)
}

/// Whether this simulator signed the URL and it has not expired: `now < expires`.
pub(crate) fn is_signed(shared: &Shared, call: &Call<'_>) -> bool {
    let query = call.query();
    let Some(expires) = query.get("expires").and_then(|text| text.parse::<i64>().ok()) else {
        return false;
    };
    let (Some(given), Some(expected)) =
        (query.get("signature"), signature(shared, call.path, expires))
    else {
        return false;
    };
    let is_genuine: bool = given.as_bytes().ct_eq(expected.as_bytes()).into();
    is_genuine && call.now < Instant::from_millis(expires)
}
