//! The switches: faults, quirks, delivery, clock. For tests and demos, without authentication,
//! which is why the simulator stays on loopback.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    body::{Reply, json, json_of, text},
    config::DeliveryMode,
    config::Quirks,
    fault::Fault,
    request::Call,
    shared::Shared,
};

/// Most faults at a time.
const MOST_FAULTS: usize = 1_000;

/// Answers a request to a switch; `None` if the path is none.
pub(crate) fn handle(shared: &Shared, call: &Call<'_>) -> Option<Reply> {
    let answer = match (call.path, call.method) {
        ("/faults", &Method::GET) => Ok(json_of(StatusCode::OK, &shared.world().faults)),
        ("/faults", &Method::PUT) => put_faults(shared, call),
        ("/faults", &Method::POST) => add_fault(shared, call),
        ("/faults", &Method::DELETE) => Ok(replace_faults(shared, Vec::new())),
        ("/faults/redirected", _) => {
            shared.world().faults.count_redirect();
            Ok(json(StatusCode::OK, r#"{"object":"redirected","status":"100"}"#))
        }
        ("/quirks", &Method::GET) => Ok(json_of(StatusCode::OK, &shared.world().quirks)),
        ("/quirks", &Method::PUT) => put_quirks(shared, call),
        ("/delivery", &Method::GET) => Ok(json_of(StatusCode::OK, &Delivery::of(shared))),
        ("/delivery", &Method::PUT) => put_delivery(shared, call),
        ("/clock", &Method::GET) => Ok(json_of(StatusCode::OK, &Clock::of(shared))),
        ("/clock", &Method::POST) => advance(shared, call),
        ("/healthz", &Method::GET) => Ok(text(StatusCode::OK, "ok\n")),
        ("/faults" | "/quirks" | "/delivery" | "/clock" | "/healthz", _) => {
            Ok(text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
        }
        _ => return None,
    };
    Some(answer.unwrap_or_else(|problem| text(StatusCode::BAD_REQUEST, problem)))
}

fn put_faults(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let faults = match call.body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => read::<Vec<Fault>>(call)?,
        _ => vec![read::<Fault>(call)?],
    };
    if faults.len() > MOST_FAULTS {
        return Err(format!("at most {MOST_FAULTS} faults"));
    }
    Ok(replace_faults(shared, faults))
}

fn replace_faults(shared: &Shared, faults: Vec<Fault>) -> Reply {
    let mut world = shared.world();
    world.faults.replace(faults);
    shared.note_faults(&world);
    json_of(StatusCode::OK, &world.faults)
}

fn add_fault(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let fault = read::<Fault>(call)?;
    let mut world = shared.world();
    if world.faults.len() == MOST_FAULTS {
        return Err(format!("at most {MOST_FAULTS} faults"));
    }
    world.faults.add(fault);
    shared.note_faults(&world);
    Ok(json_of(StatusCode::OK, &world.faults))
}

fn put_quirks(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let quirks = read::<Quirks>(call)?;
    shared.world().quirks = quirks.clone();
    Ok(json_of(StatusCode::OK, &quirks))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    mode: DeliveryMode,
    #[serde(default)]
    sent_after_ms: Option<u64>,
    #[serde(default)]
    result_after_ms: Option<u64>,
    #[serde(default)]
    late_after_ms: Option<u64>,
    #[serde(default)]
    bulk_after_ms: Option<u64>,
}

impl Delivery {
    fn of(shared: &Shared) -> Self {
        let delivery = shared.world().delivery;
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).ok();
        Self {
            mode: delivery.mode,
            sent_after_ms: millis(delivery.sent_after),
            result_after_ms: millis(delivery.result_after),
            late_after_ms: millis(delivery.late_after),
            bulk_after_ms: millis(delivery.bulk_after),
        }
    }
}

fn put_delivery(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let asked = read::<Delivery>(call)?;
    let mut world = shared.world();
    let delivery = &mut world.delivery;
    delivery.mode = asked.mode;
    for (setting, asked) in [
        (&mut delivery.sent_after, asked.sent_after_ms),
        (&mut delivery.result_after, asked.result_after_ms),
        (&mut delivery.late_after, asked.late_after_ms),
        (&mut delivery.bulk_after, asked.bulk_after_ms),
    ] {
        if let Some(millis) = asked {
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

fn advance(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let asked = read::<Advance>(call)?;
    if shared.clock.advance(Duration::from_millis(asked.advance_ms)).is_none() {
        return Ok(text(StatusCode::CONFLICT, "the clock is real: start with --clock manual"));
    }
    shared.changed();
    Ok(json_of(StatusCode::OK, &Clock::of(shared)))
}

fn read<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, String> {
    serde_json::from_slice(call.body).map_err(|error| error.to_string())
}
