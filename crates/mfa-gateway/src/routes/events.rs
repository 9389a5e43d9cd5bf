//! The live status of a prompt as server-sent events. It shows what a reload would show.
//!
//! A stream does not poll: it loads the login once, waits for news, and loads it again. Three events:
//!
//! - `status`: what the page shows now.
//! - `moved`: the page has to load itself again, because the login has moved on without it.
//! - `end`: nothing more comes. The page stays.

mod places;

use std::{convert::Infallible, sync::Arc, time::Duration};

use auth_module::PendingToken;
use axum::response::{
    IntoResponse as _, Sse,
    sse::{Event, KeepAlive},
};
use futures_util::{Stream, stream};
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt as _;
use mfa_controller::{LivePrompt, Watched};
use mfa_pages::{Frame, Language, MessageKind, live_status};
use mfa_plugin_api::ClientFacts;
use mfa_proxy::Body;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::places::EventStreams;
use self::places::StreamPlace;
use super::responses;
use crate::{
    http::cookies,
    state::{Context, Runtime, Settings},
};

/// The time between two comments on an idle stream. Proxies close a connection that is silent for long, and a
/// page that was closed is noticed by a failed write.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The shortest time between two loads of one stream, however often it is woken.
const MIN_PAUSE: Duration = Duration::from_millis(250);

/// A page that is open.
struct OpenPage {
    runtime: Arc<Runtime>,
    settings: Arc<Settings>,
    token: PendingToken,
    client: ClientFacts,
    language: Language,
    /// Loaded, but not sent yet.
    loaded: Option<Box<LivePrompt>>,
    shown: Option<Shown>,
    place: StreamPlace,
}

/// What the page shows.
struct Shown {
    live: Box<LivePrompt>,
    loaded_at: Instant,
    data: String,
}

/// Responds to `GET factor/events`. A stream takes a place only after its login was found.
pub(crate) async fn stream(runtime: &Arc<Runtime>, context: &Context) -> Response<Body> {
    let cookie = cookies::PENDING.value(&context.headers);
    let Some(token) = cookie.and_then(PendingToken::parse) else {
        return responses::message(context, MessageKind::SessionLost);
    };
    let now = runtime.clock.now();
    let live = match runtime.controller.watch(&token, &context.client, now).await {
        Watched::Prompt(live) => live,
        Watched::Moved => return events(stream::iter([Ok(last_event("moved"))])),
        Watched::Ended => return events(stream::iter([Ok(last_event("end"))])),
    };
    let Some(place) = runtime.event_streams.take(token.digest(), context.client.address) else {
        return responses::message(context, MessageKind::Busy);
    };
    let page = OpenPage {
        runtime: Arc::clone(runtime),
        settings: Arc::clone(&context.settings),
        token,
        client: context.client.clone(),
        language: context.language,
        loaded: Some(live),
        shown: None,
        place,
    };
    events(stream::unfold(Some(page), |page| async {
        let (event, page) = next(page?).await?;
        Some((Ok(event), page))
    }))
}

fn events(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> Response<Body> {
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // Not the `no-cache` of axum.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.map(|body| body.map_err(Into::into).boxed_unsync())
}

fn last_event(name: &str) -> Event {
    Event::default().event(name).data("{}")
}

/// Returns the next event, and the page unless the stream has ended. `None` when the gateway stops.
async fn next(mut page: OpenPage) -> Option<(Event, Option<OpenPage>)> {
    let last = |name| Some((last_event(name), None));
    loop {
        let before = page.shown.take();
        if let Some(shown) = &before {
            let changed = tokio::select! {
                () = page.runtime.stop.cancelled() => return None,
                () = page.place.is_replaced.cancelled() => return last("end"),
                changed = shown.live.changed(page.runtime.clock.now()) => changed,
            };
            if changed.is_err() {
                return last("end");
            }
            sleep_until(shown.loaded_at + MIN_PAUSE).await;
        }
        let (now, loaded_at) = (page.runtime.clock.now(), Instant::now());
        let live = match page.loaded.take() {
            Some(live) => live,
            None => match page.runtime.controller.watch(&page.token, &page.client, now).await {
                Watched::Prompt(live) => live,
                Watched::Moved => return last("moved"),
                Watched::Ended => return last("end"),
            },
        };
        // The page has the form of the factor that it was loaded for.
        if before.as_ref().is_some_and(|before| before.live.factor() != live.factor()) {
            return last("moved");
        }
        let data = live_status(&Frame::new(&page.settings.site, page.language, now), live.prompt());
        let is_news = before.is_none_or(|before| before.data != data);
        let event = Event::default().event("status").data(&data);
        page.shown = Some(Shown { live, loaded_at, data });
        if is_news {
            return Some((event, Some(page)));
        }
    }
}
