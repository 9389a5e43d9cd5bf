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
    resource::Methods,
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

/// Returns the methods of a button; `None` if no button has this name.
pub(super) fn methods(name: &str) -> Option<Methods> {
    Some(match name {
        "message" => &[(Method::POST, |shared, call| press(shared, call, message))],
        "delivery" => &[(Method::POST, |shared, call| press(shared, call, delivery))],
        "fault" => &[(Method::POST, |shared, call| press(shared, call, fault))],
        "clock" => &[(Method::POST, |shared, call| press(shared, call, clock))],
        "clear" => &[(Method::POST, |shared, call| press(shared, call, clear))],
        _ => return None,
    })
}

/// What a button does. Returns `false` if its form is wrong.
type Act = fn(&Shared, &Call<'_>, &Form<'_>) -> bool;

fn press(shared: &Shared, call: &Call<'_>, act: Act) -> Reply {
    let form = call.form();
    if !act(shared, call, &form) {
        return text(StatusCode::BAD_REQUEST, "Bad Request");
    }
    shared.changed();
    let mut reply = text(StatusCode::SEE_OTHER, "");
    // To the page itself only: an open redirect would help phishing.
    let back = form.get("back").filter(|back| *back == "/" || back.starts_with("/?"));
    let back = HeaderValue::from_str(back.unwrap_or("/"));
    reply.headers_mut().insert(LOCATION, back.unwrap_or(HeaderValue::from_static("/")));
    reply
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
