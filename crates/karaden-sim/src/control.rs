//! The control endpoints: faults, quirks, delivery mode, clock. They are for tests and demos and have
//! no authentication; that is why the simulator listens on loopback only.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    body::{Reply, json, json_of, text},
    config::{DeliveryMode, Quirks},
    error::ClockError,
    fault::Fault,
    request::Call,
    resource::{Methods, or_bad_request},
    shape::{Object, present, present_word},
    shared::Shared,
    time::{Day, Instant, parse_date_time},
};

/// Maximum count of active faults.
const MAX_FAULTS: usize = 1_000;

/// Returns the methods of a path; `None` if it is no control endpoint.
pub(crate) fn methods(path: &str) -> Option<Methods> {
    Some(match path {
        "/faults" => &[
            (Method::GET, |shared, _| json_of(StatusCode::OK, &shared.world().faults)),
            (Method::PUT, |shared, call| or_bad_request(put_faults(shared, call))),
            (Method::POST, |shared, call| or_bad_request(add_fault(shared, call))),
            (Method::DELETE, |shared, _| replace_faults(shared, Vec::new())),
        ],
        // A client that follows a redirect may keep the method of its request.
        "/faults/redirected" => {
            &[(Method::GET, redirected), (Method::POST, redirected), (Method::PUT, redirected)]
        }
        "/quirks" => &[
            (Method::GET, |shared, _| json_of(StatusCode::OK, &shared.world().quirks)),
            (Method::PUT, |shared, call| or_bad_request(put_quirks(shared, call))),
        ],
        "/delivery" => &[
            (Method::GET, |shared, _| json_of(StatusCode::OK, &Delivery::of(shared))),
            (Method::PUT, |shared, call| or_bad_request(put_delivery(shared, call))),
        ],
        "/clock" => &[
            (Method::GET, |shared, _| json_of(StatusCode::OK, &Clock::of(shared))),
            (Method::POST, |shared, call| or_bad_request(advance_clock(shared, call))),
            (Method::PUT, |shared, call| or_bad_request(set_clock(shared, call))),
        ],
        "/reset" => &[(Method::POST, reset)],
        // `OPTIONS *` asks about the server and not about a path (RFC 9110, section 9.3.7).
        "*" => &[],
        "/healthz" => &[(Method::GET, |_, _| text(StatusCode::OK, "ok\n"))],
        _ => return None,
    })
}

fn put_faults(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let faults = match call.body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => read::<Vec<Object<Fault>>>(call)?,
        _ => vec![read::<Object<Fault>>(call)?],
    };
    if faults.len() > MAX_FAULTS {
        return Err(format!("at most {MAX_FAULTS} faults"));
    }
    Ok(replace_faults(shared, faults.into_iter().map(|Object(fault)| fault).collect()))
}

fn redirected(shared: &Arc<Shared>, _call: &Call<'_>) -> Reply {
    shared.world().faults.count_redirect();
    json(StatusCode::OK, r#"{"object":"redirected","status":"100"}"#)
}

fn replace_faults(shared: &Shared, faults: Vec<Fault>) -> Reply {
    let mut world = shared.world();
    world.faults.replace(faults);
    shared.update_has_faults(&world);
    json_of(StatusCode::OK, &world.faults)
}

fn add_fault(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let Object(fault) = read::<Object<Fault>>(call)?;
    let mut world = shared.world();
    if world.faults.len() == MAX_FAULTS {
        return Err(format!("at most {MAX_FAULTS} faults"));
    }
    world.faults.add(fault);
    shared.update_has_faults(&world);
    Ok(json_of(StatusCode::OK, &world.faults))
}

fn put_quirks(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let Object(quirks) = read::<Object<Quirks>>(call)?;
    shared.world().quirks = quirks.clone();
    Ok(json_of(StatusCode::OK, &quirks))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    #[serde(default, deserialize_with = "present_word")]
    mode: Option<DeliveryMode>,
    #[serde(default, deserialize_with = "present")]
    sent_after_ms: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    result_after_ms: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    late_after_ms: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    bulk_after_ms: Option<u64>,
    #[serde(default)]
    changed_hands_on: Option<Day>,
}

impl Delivery {
    fn of(shared: &Shared) -> Self {
        let delivery = shared.world().delivery;
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).ok();
        Self {
            mode: Some(delivery.mode),
            sent_after_ms: millis(delivery.sent_after),
            result_after_ms: millis(delivery.result_after),
            late_after_ms: millis(delivery.late_after),
            bulk_after_ms: millis(delivery.bulk_after),
            changed_hands_on: delivery.changed_hands_on,
        }
    }
}

fn put_delivery(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let Object(requested) = read::<Object<Delivery>>(call)?;
    let mut world = shared.world();
    let delivery = &mut world.delivery;
    delivery.mode = requested.mode.unwrap_or(delivery.mode);
    delivery.changed_hands_on = requested.changed_hands_on.or(delivery.changed_hands_on);
    for (setting, requested) in [
        (&mut delivery.sent_after, requested.sent_after_ms),
        (&mut delivery.result_after, requested.result_after_ms),
        (&mut delivery.late_after, requested.late_after_ms),
        (&mut delivery.bulk_after, requested.bulk_after_ms),
    ] {
        if let Some(millis) = requested {
            *setting = Duration::from_millis(millis);
        }
    }
    drop(world);
    Ok(json_of(StatusCode::OK, &Delivery::of(shared)))
}

#[derive(Serialize)]
struct Clock {
    mode: &'static str,
    now: String,
}

impl Clock {
    fn of(shared: &Shared) -> Self {
        Self {
            mode: if shared.clock.is_manual() { "manual" } else { "real" },
            now: shared.clock.now().iso().to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

fn advance_clock(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let Object(requested) = read::<Object<Advance>>(call)?;
    Ok(moved(shared, shared.clock.advance(Duration::from_millis(requested.advance_ms))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    now: String,
}

fn set_clock(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let Object(requested) = read::<Object<SetClock>>(call)?;
    let at: Option<Instant> = parse_date_time(&requested.now);
    let at = at.ok_or("now is a date-time such as 2026-01-01T09:00:00+09:00")?;
    Ok(moved(shared, shared.clock.set(at)))
}

/// Makes the response to a move of the clock.
fn moved(shared: &Shared, result: Result<(), ClockError>) -> Reply {
    if let Err(error) = result {
        return text(StatusCode::CONFLICT, format!("{error}\n"));
    }
    shared.changed();
    json_of(StatusCode::OK, &Clock::of(shared))
}

fn reset(shared: &Arc<Shared>, _call: &Call<'_>) -> Reply {
    shared.reset();
    json_of(StatusCode::OK, &Clock::of(shared))
}

fn read<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, String> {
    serde_json::from_slice(call.body).map_err(|error| error.to_string())
}
