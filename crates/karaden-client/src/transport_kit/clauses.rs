//! One check for each clause of the contract of `Transport`.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, Uri};
use tokio::time::{Instant, timeout, timeout_at};

use super::stage::{Behaviour, Scene, Stage};
use crate::transport::{Request, RequestBuilder, Response, TransportError, TransportErrorKind};

/// The longest time for which a check waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a transport may wait for a silent server before the check drops the call.
const SILENCE: Duration = Duration::from_secs(5);
/// How much of an endless body a server can write to a transport that reads little: the buffers between them.
const READ_AHEAD: usize = 16 * 1024 * 1024;
/// Stands in the query, a header and the body of each request.
const SECRET: &str = "SECRET-4f1c";

/// Runs all checks.
///
/// # Panics
///
/// If the transport breaks a clause. The message begins with the clause.
pub async fn check_all(stage: &dyn Stage) {
    clause_1_one_attempt(stage).await;
    clause_2_no_redirects(stage).await;
    clause_3_bounded(stage).await;
    clause_4_not_sent_means_not_sent(stage).await;
    clause_5_the_deadline(stage).await;
    clause_6_dropping_ends_it(stage).await;
    clause_7_nothing_shows(stage).await;
    clause_8_whole(stage).await;
}

/// Clause 1, at most one request goes out per call.
///
/// # Panics
///
/// If a second request reaches the server, after a lost response or a temporary status, on a new connection
/// or on one that was used before.
pub async fn clause_1_one_attempt(stage: &dyn Stage) {
    for method in [Method::POST, Method::GET] {
        for first in [Behaviour::Close, respond(503), respond(429)] {
            let scene = stage.set(vec![first.clone(), respond(200), respond(200)]).await;
            let _any = execute(&scene, request(&scene, &method)).await;
            let sent = scene.requests.count();
            assert_eq!(sent, 1, "clause 1: {sent} requests of one {method} after {first:?}");
        }
        // The last call meets a kept connection, which the server closes after it has read the request.
        let mut behaviours = vec![respond(200), respond(200), Behaviour::Close];
        let calls = behaviours.len();
        behaviours.extend([respond(200), respond(200)]);
        let scene = stage.set(behaviours).await;
        for _ in 0..calls {
            let _any = execute(&scene, request(&scene, &method)).await;
        }
        let sent = scene.requests.count();
        assert_eq!(sent, calls, "clause 1: {sent} requests of {calls} calls on a kept connection");
    }
}

/// Clause 2, a redirect is returned as it is.
///
/// # Panics
///
/// If the transport follows it, or returns anything else.
pub async fn clause_2_no_redirects(stage: &dyn Stage) {
    for method in [Method::POST, Method::GET] {
        for status in [301, 302, 303, 307, 308] {
            let scene = stage.set(vec![Behaviour::Redirect(status), respond(200)]).await;
            let received = execute(&scene, request(&scene, &method)).await.ok();
            let found = received.as_ref().map(Response::status);
            assert_eq!(found, Some(status), "clause 2: a redirect is not returned");
            let headers = received.as_ref().map(Response::headers);
            let location = headers.and_then(|headers| headers.get(http::header::LOCATION));
            assert!(location.is_some(), "clause 2: a redirect is returned without its location");
            assert_eq!(scene.requests.count(), 1, "clause 2: the redirect {status} is followed");
        }
    }
}

/// Clause 3, at most `max_body_bytes` of the body are read.
///
/// # Panics
///
/// If a body of that length is not returned whole, or a longer one is not
/// [`TransportErrorKind::TooLarge`]. Or if the server could write more than 16 MiB of an endless one.
pub async fn clause_3_bounded(stage: &dyn Stage) {
    const LIMIT: usize = 1000;
    for length in [0, LIMIT, LIMIT + 1, 100 * LIMIT] {
        let body = Bytes::from(vec![b'x'; length]);
        let announced = Behaviour::Respond(200, body.clone());
        for behaviour in [announced, Behaviour::Unannounced(body)] {
            let scene = stage.set(vec![behaviour]).await;
            let request = request(&scene, &Method::GET).with_max_body_bytes(LIMIT);
            let received = match execute(&scene, request).await {
                Ok(response) => Ok(response.body().len()),
                Err(error) => Err(error.kind()),
            };
            let expected =
                if length <= LIMIT { Ok(length) } else { Err(TransportErrorKind::TooLarge) };
            assert_eq!(received, expected, "clause 3: a body of {length} bytes, limit {LIMIT}");
        }
    }
    let scene = stage.set(vec![Behaviour::Endless]).await;
    let request = request(&scene, &Method::GET).with_max_body_bytes(LIMIT);
    let kind = execute(&scene, request).await.err().map(|error| error.kind());
    assert_eq!(kind, Some(TransportErrorKind::TooLarge), "clause 3: an endless body");
    // A transport that keeps the connection and reads no more makes the server wait.
    let _any = timeout(PATIENCE, scene.requests.wait_for_none_under_way()).await;
    let written = scene.requests.written();
    let is_bounded = written <= READ_AHEAD;
    assert!(is_bounded, "clause 3: {written} bytes of an endless body are read, limit {LIMIT}");
}

/// Clause 4, a request that reached the server is never reported as not sent.
///
/// # Panics
///
/// If the server closes the connection after the request, or in the middle of its response, or is silent, and
/// the error is [`TransportErrorKind::Connect`] or [`TransportErrorKind::Unusable`]. Or if there is a response
/// without a server.
///
/// The server is silent for 5 s. A transport with a timeout of its own should be checked with a shorter one.
pub async fn clause_4_not_sent_means_not_sent(stage: &dyn Stage) {
    for method in [Method::POST, Method::PUT, Method::GET] {
        let scene = stage.set(vec![Behaviour::Absent]).await;
        let received = execute(&scene, request(&scene, &method)).await;
        assert!(received.is_err(), "clause 4: a response without a server");

        let scene = stage.set(vec![Behaviour::Close]).await;
        let error = execute(&scene, request(&scene, &method)).await.err();
        let kind = error.map(|error| error.kind());
        assert!(kind.is_some(), "clause 4: a response although the connection was closed");
        assert!(!means_not_sent(kind), "clause 4: {method} reached the server, reported {kind:?}");

        let scene = stage.set(vec![cut()]).await;
        let error = execute(&scene, request(&scene, &method)).await.err();
        let kind = error.map(|error| error.kind());
        assert!(!means_not_sent(kind), "clause 4: {method} got half a response, reported {kind:?}");
    }
    let scene = stage.set(vec![Behaviour::Silence]).await;
    let call = scene.transport.execute(built(request(&scene, &Method::POST)));
    let kind = timeout(SILENCE, call).await.ok().and_then(Result::err).map(|error| error.kind());
    let is_right = !means_not_sent(kind) || scene.requests.count() == 0;
    assert!(is_right, "clause 4: a silent server has the request, reported {kind:?}");
}

/// Clause 5, at the deadline a request that reached the server is not reported as not sent.
///
/// The check ends the call as a client does: it polls once more at the deadline, and then drops it.
///
/// # Panics
///
/// If the call ends with [`TransportErrorKind::Connect`] or [`TransportErrorKind::Unusable`].
pub async fn clause_5_the_deadline(stage: &dyn Stage) {
    // A busy machine may need longer to bring a request to the server.
    for limit in [250, 1000, 4000, 16_000].map(Duration::from_millis) {
        let scene = stage.set(vec![Behaviour::Silence]).await;
        let deadline = Instant::now() + limit;
        let request = request(&scene, &Method::POST).with_deadline(deadline.into());
        let mut call = scene.transport.execute(built(request));
        let ended = match timeout_at(deadline, &mut call).await {
            Ok(ended) => Some(ended),
            Err(_elapsed) => call.now_or_never(),
        };
        let kind = match ended {
            Some(Ok(_)) => panic!("clause 5: a response although the server is silent"),
            Some(Err(error)) => Some(error.kind()),
            None => None,
        };
        if scene.requests.count() > 0 {
            let is_right = !means_not_sent(kind);
            assert!(is_right, "clause 5: the request reached the server, reported {kind:?}");
            return;
        }
    }
    panic!("clause 5: no request reached the server");
}

/// Clause 6, a dropped call gives up the request.
///
/// # Panics
///
/// If the server still waits for the client 10 s after the call was dropped.
pub async fn clause_6_dropping_ends_it(stage: &dyn Stage) {
    let scene = stage.set(vec![Behaviour::Silence]).await;
    {
        let call = scene.transport.execute(built(request(&scene, &Method::POST)));
        let reached = timeout(PATIENCE, scene.requests.wait_for_one());
        tokio::select! {
            _ = call => panic!("clause 6: the call ended although the server is silent"),
            reached = reached => assert!(reached.is_ok(), "clause 6: no request reached the server"),
        }
    }
    let given_up = timeout(PATIENCE, scene.requests.wait_for_none_under_way()).await;
    assert!(given_up.is_ok(), "clause 6: the request goes on after the call was dropped");
}

/// Clause 7, the query, the headers and the bodies do not show in errors and in `Debug`.
///
/// # Panics
///
/// If they do. Logs are not checked.
pub async fn clause_7_nothing_shows(stage: &dyn Stage) {
    let long = Bytes::from(SECRET.repeat(1000));
    for behaviour in [Behaviour::Absent, Behaviour::Close, Behaviour::Respond(200, long)] {
        let scene = stage.set(vec![behaviour.clone()]).await;
        let request = request(&scene, &Method::POST).with_max_body_bytes(10);
        let mut shown = Vec::new();
        if let Err(error) = execute(&scene, request).await {
            shown.push(format!("{error:?}"));
            let mut cause: Option<&dyn Error> = Some(&error);
            while let Some(error) = cause {
                shown.push(error.to_string());
                cause = error.source();
            }
        }
        shown.push(format!("{:?}", scene.transport));
        let leak = shown.iter().find(|text| text.contains(SECRET));
        assert!(leak.is_none(), "clause 7: after {behaviour:?} this shows: {leak:?}");
    }
}

/// Clause 8, the request arrives whole, and only a whole response is returned.
///
/// # Panics
///
/// If the server received another method, path, query or body, or not all headers. If the status or the body of
/// a response differs. Or if a body that was cut off is returned.
pub async fn clause_8_whole(stage: &dyn Stage) {
    const LONG: usize = 10_000;
    let name = HeaderName::from_static("x-clause");
    for (method, status) in [(Method::POST, 200), (Method::PUT, 422), (Method::GET, 503)] {
        let whole = Bytes::from("{}".repeat(LONG));
        let scene = stage.set(vec![Behaviour::Respond(status, whole.clone())]).await;
        let request = request(&scene, &method).with_header(name.clone(), "8".parse().expect("8"));
        let request = match method {
            Method::GET => request,
            _ => request.with_body(SECRET.repeat(LONG)),
        };
        let given = built(request.clone());
        let response = execute(&scene, request).await.expect("clause 8: no response");
        assert_eq!(response.status(), status, "clause 8: the status of the response");
        let is_whole = *response.body() == whole;
        assert!(is_whole, "clause 8: {} of {} bytes of a body", response.body().len(), whole.len());

        let received = scene.requests.take_last().expect("clause 8: the stage reports no request");
        assert_eq!(received.method(), given.method(), "clause 8: the method of the request");
        let uri: Uri = given.url().parse().expect("the URL of a scene is a URI");
        let target = received.uri().path_and_query();
        assert_eq!(target, uri.path_and_query(), "clause 8: the path and query of a {method}");
        for (name, value) in given.headers() {
            let is_there = received.headers().get_all(name).iter().any(|found| found == value);
            assert!(is_there, "clause 8: a {method} arrived without its header {name}");
        }
        let (found, length) = (received.body(), given.body().len());
        let is_whole = found == given.body();
        assert!(is_whole, "clause 8: {} of {length} bytes of a {method} arrived", found.len());
    }
    for behaviour in [cut(), Behaviour::CutUnannounced(Bytes::from_static(b"{}"))] {
        let scene = stage.set(vec![behaviour.clone()]).await;
        let response = execute(&scene, request(&scene, &Method::GET)).await;
        assert!(response.is_err(), "clause 8: a part of a body is returned after {behaviour:?}");
    }
}

fn cut() -> Behaviour {
    Behaviour::Cut(Bytes::from_static(b"{}"))
}

fn respond(status: u16) -> Behaviour {
    Behaviour::Respond(status, Bytes::from_static(b"{}"))
}

fn means_not_sent(kind: Option<TransportErrorKind>) -> bool {
    matches!(kind, Some(TransportErrorKind::Connect | TransportErrorKind::Unusable))
}

fn request(scene: &Scene, method: &Method) -> RequestBuilder {
    let value = HeaderValue::from_static(SECRET);
    let body = if method == Method::GET { "" } else { SECRET };
    Request::builder(method.clone(), &format!("{}?key={SECRET}", scene.url))
        .with_header(http::header::AUTHORIZATION, value)
        .with_body(body)
}

fn built(request: RequestBuilder) -> Request {
    request.build().expect("the URL of a scene is an HTTP URL")
}

async fn execute(scene: &Scene, request: RequestBuilder) -> Result<Response, TransportError> {
    let call = scene.transport.execute(built(request));
    timeout(PATIENCE, call).await.expect("the call ends within 10 s")
}
