//! The static files of the inbox page, compiled into the program.

use http::{
    StatusCode,
    header::{CACHE_CONTROL, HeaderValue},
};

use crate::body::{Reply, reply, whole};

pub(super) fn asset(path: &str) -> Option<Reply> {
    let (content_type, file) = match path {
        "/assets/inbox.css" => ("text/css; charset=utf-8", include_str!("../../assets/inbox.css")),
        "/assets/inbox.js" => {
            ("text/javascript; charset=utf-8", include_str!("../../assets/inbox.js"))
        }
        "/assets/icon.svg" => ("image/svg+xml", include_str!("../../assets/icon.svg")),
        _ => return None,
    };
    let mut reply = reply(StatusCode::OK, content_type, whole(file));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(reply)
}
