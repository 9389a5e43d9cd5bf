//! The static files of the inbox page, compiled into the program.

use std::sync::Arc;

use http::{
    StatusCode,
    header::{CACHE_CONTROL, HeaderValue},
};

use crate::{
    body::{Reply, reply, text, whole},
    request::Call,
    shared::Shared,
};

/// The path, the media type and the content of each file.
const FILES: [(&str, &str, &str); 3] = [
    ("/assets/inbox.css", "text/css; charset=utf-8", include_str!("../../assets/inbox.css")),
    ("/assets/inbox.js", "text/javascript; charset=utf-8", include_str!("../../assets/inbox.js")),
    ("/assets/icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
];

pub(super) fn exists(path: &str) -> bool {
    FILES.iter().any(|(known, ..)| *known == path)
}

pub(super) fn asset(_shared: &Arc<Shared>, call: &Call<'_>) -> Reply {
    let file = FILES.into_iter().find(|(known, ..)| *known == call.path);
    let Some((_, content_type, content)) = file else {
        return text(StatusCode::NOT_FOUND, "Not Found");
    };
    let mut reply = reply(StatusCode::OK, content_type, whole(content));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
