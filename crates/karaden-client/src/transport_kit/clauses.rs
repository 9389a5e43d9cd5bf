//! One check for each clause of the contract of `Transport`.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Method};
use tokio::time::{Instant, timeout, timeout_at};

use super::stage::{Behaviour, Scene, Stage};
use crate::transport::{Request, RequestBuilder, Response, TransportError, TransportErrorKind};

/// The longest time for which a check waits.
const PATIENCE: Duration = Duration::from_secs(10);
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
}

/// Clause 1, at most one request goes out per call.
///
/// # Panics
///
/// If a second request reaches the server, after a lost response or a temporary status.
pub async fn clause_1_one_attempt(stage: &dyn Stage) {
    for method in [Method::POST, Method::GET] {
        for first in [Behaviour::Close, respond(503), respond(429)] {
            let scene = stage.set(vec![first.clone(), respond(200), respond(200)]).await;
            let _any = execute(&scene, request(&scene, &method)).await;
            let sent = scene.requests.count();
            assert_eq!(sent, 1, "clause 1: {sent} requests of one {method} after {first:?}");
        }
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
            let received = execute(&scene, request(&scene, &method)).await.map(|r| r.status());
            assert_eq!(received.ok(), Some(status), "clause 2: a redirect is not returned");
            assert_eq!(scene.requests.count(), 1, "clause 2: the redirect {status} is followed");
        }
    }
}

/// Clause 3, at most `max_body_bytes` of the body are read.
///
/// # Panics
///
/// If a body of that length is not returned whole, or a longer one is not
/// [`TransportErrorKind::TooLarge`].
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
}

/// Clause 4, a request that reached the server is never reported as not sent.
///
/// # Panics
///
/// If the server closes the connection after the request, and the error is
/// [`TransportErrorKind::Connect`] or [`TransportErrorKind::Unusable`]. Or if there is a response without a
/// server.
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
    }
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
