//! The buttons of the inbox page: form posts, whose response is a redirect to the page.

use std::time::Duration;

use http::{
    Method, StatusCode,
    header::{HeaderValue, LOCATION},
};

use super::messages::parse_id;
use crate::{
    body::{Reply, text},
    config::DeliveryMode,
    fault::{Fault, FaultMode},
    request::{Call, Form},
    shared::Shared,
    world::Intervention,
};

/// The delivery modes and the values of their buttons.
pub(super) const MODES: [(&str, DeliveryMode); 6] = [
    ("normal", DeliveryMode::Normal),
    ("late", DeliveryMode::Late),
    ("hold", DeliveryMode::Hold),
    ("out_of_range", DeliveryMode::OutOfRange),
    ("out_of_order", DeliveryMode::OutOfOrder),
    ("error", DeliveryMode::Error),
];

/// Handles the post of a button; `None` if the path belongs to none.
pub(super) fn handle(shared: &Shared, call: &Call<'_>) -> Option<Reply> {
    let name = call.path.strip_prefix("/inbox/")?;
    let act: fn(&Shared, &Call<'_>, &Form<'_>) -> bool = match name {
        "message" => message,
        "delivery" => delivery,
        "fault" => fault,
        "clock" => clock,
        "clear" => clear,
        _ => return None,
    };
    if *call.method != Method::POST {
        return Some(text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"));
    }
    let form = call.form();
    if !act(shared, call, &form) {
        return Some(text(StatusCode::BAD_REQUEST, "Bad Request"));
    }
    shared.changed();
    let mut reply = text(StatusCode::SEE_OTHER, "");
    // To the page itself only: an open redirect would help phishing.
    let back = form.get("back").filter(|back| *back == "/" || back.starts_with("/?"));
    let back = HeaderValue::from_str(back.unwrap_or("/"));
    reply.headers_mut().insert(LOCATION, back.unwrap_or(HeaderValue::from_static("/")));
    Some(reply)
}

/// A message may have got its result after the page was rendered. That is not an error.
fn message(shared: &Shared, call: &Call<'_>, form: &Form<'_>) -> bool {
    let id = form.get("id").and_then(parse_id);
    let action = match form.get("do") {
        Some("deliver") => Intervention::Deliver,
        Some("out_of_range") => Intervention::OutOfRange,
        Some("fail") => Intervention::Fail,
        _ => return false,
    };
    let Some(id) = id else { return false };
    shared.world().intervene(id, action, call.now);
    true
}

fn delivery(shared: &Shared, _call: &Call<'_>, form: &Form<'_>) -> bool {
    let Some(value) = form.get("mode") else { return false };
    let Some((_, mode)) = MODES.iter().find(|(name, _)| *name == value) else { return false };
    shared.world().delivery.mode = *mode;
    true
}

fn fault(shared: &Shared, _call: &Call<'_>, form: &Form<'_>) -> bool {
    let Some(value) = form.get("mode") else { return false };
    let Ok(mode) = value.parse::<FaultMode>() else { return false };
    let mut world = shared.world();
    // Sends only: the fault must not be used up by look-ups, which clients make on their own.
    for operation in [crate::Operation::Send, crate::Operation::Queue] {
        if mode == FaultMode::None {
            world.faults.replace(Vec::new());
        } else {
            world.faults.add(Fault::new(mode).times(1).with_operation(operation));
        }
    }
    shared.update_has_faults(&world);
    true
}

fn clock(shared: &Shared, _call: &Call<'_>, form: &Form<'_>) -> bool {
    let seconds = form.get("seconds").and_then(|seconds| seconds.parse::<u32>().ok());
    let Some(seconds) = seconds else { return false };
    shared.clock.advance(Duration::from_secs(u64::from(seconds))).is_ok()
}

fn clear(shared: &Shared, _call: &Call<'_>, _form: &Form<'_>) -> bool {
    shared.world().delete_messages();
    true
}
