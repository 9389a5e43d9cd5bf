//! Style sheet, script and pictures.

use axum::extract::{Path, rejection::PathRejection};
use http::{HeaderValue, Response, StatusCode, header};
use mfa_pages::MessageKind;
use mfa_proxy::{Body, empty, full};

use super::{
    own::{Own, Page},
    refusal::Refusal,
};
use crate::state::Context;

/// The path of an asset below the prefix.
pub(super) const PATH: &str = "assets/{*name}";

/// `GET assets/…`
pub(super) async fn show(own: Own, name: Result<Path<String>, PathRejection>) -> Page {
    // A name that is not UTF-8 is rejected, and is not the name of an asset either.
    let asset = name.ok().and_then(|Path(name)| mfa_pages::asset(&name));
    let asset = asset.ok_or(Refusal::Message(MessageKind::NotFound))?;
    Ok(asset_response(&own.context, &asset))
}

fn asset_response(context: &Context, asset: &mfa_pages::Asset) -> Response<Body> {
    let is_known = context
        .headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes());
    let mut response = if is_known {
        let mut response = Response::new(empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(full(asset.bytes))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(asset.cache_control));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}
