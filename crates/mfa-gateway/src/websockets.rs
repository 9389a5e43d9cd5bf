//! WebSocket connections to the application: who may open one, and when it ends.

pub(crate) mod open;

use std::{sync::Arc, time::Duration};

use auth_module::{AuthError, Decision, Session, SessionToken};
use http::{HeaderMap, Method, header::ORIGIN};
use mfa_proxy::{ClientUse, TunnelTerms, client_networks};
use tokio::time::{MissedTickBehavior, interval};
use tracing::Instrument as _;

use self::open::Owner;
use crate::{
    http::cookies,
    state::{Context, Runtime},
};

/// The session of an open connection is looked at again after this time at the latest.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// The connection ends when the session could not be looked at this many times in a row.
const MAX_FAILURES: u32 = 5;

/// Why a WebSocket connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebSocketRefused {
    /// A page of another site asks for it.
    ForeignOrigin,
    /// This user, or this address, has too many.
    TooMany,
}

/// Returns the terms of a WebSocket connection that the policy allows.
///
/// The connection ends within [`WATCH_INTERVAL`] after its session: logged out, expired, idle, revoked, or its
/// user is disabled, has a new password or may not use this path any more. Bytes of the client count as a use of
/// the session. How fresh the evidence of a session is counts at the beginning only.
pub(crate) fn terms(
    runtime: &Arc<Runtime>,
    context: &Arc<Context>,
    session: Option<&Session>,
) -> Result<TunnelTerms, WebSocketRefused> {
    let settings = &context.settings;
    if !is_own_origin(&context.headers, &settings.origins, &settings.websocket_origins) {
        return Err(WebSocketRefused::ForeignOrigin);
    }
    let websockets = &runtime.websockets;
    let owner = match session {
        Some(session) => Owner::User(session.user().id.clone()),
        None => Owner::Address(client_networks(context.client.address).0),
    };
    let slot = websockets.take(owner).ok_or(WebSocketRefused::TooMany)?;
    let use_by_client = ClientUse::default();
    let has_session = session.is_some();
    let (runtime, context, used) =
        (Arc::clone(runtime), Arc::clone(context), use_by_client.clone());
    let idle_timeout = websockets.idle_timeout;
    let ended = async move {
        let _slot = slot;
        tokio::select! {
            () = runtime.stop.cancelled() => {}
            () = session_ended(&runtime, &context, &used), if has_session => {}
        }
    };
    Ok(TunnelTerms::new(idle_timeout, use_by_client, ended.in_current_span()))
}

/// Returns whether the page that asks is one of ours (RFC 6455, section 10.2; OWASP ASVS 4.4.2).
///
/// Every browser sends `Origin`. A program that sends none cannot be made to use the cookies of a browser.
fn is_own_origin(headers: &HeaderMap, own: &[String], additional: &[String]) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let is_listed =
        |listed: &[String]| listed.iter().any(|each| each.as_bytes() == origin.as_bytes());
    origins.next().is_none() && (is_listed(own) || is_listed(additional))
}

/// Waits until the session of `context` may not use the connection any more.
async fn session_ended(runtime: &Arc<Runtime>, context: &Context, used: &ClientUse) {
    let mut ticks = interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = runtime.session_ended.notified() => {}
        }
        // A reload may have changed the rules.
        match is_allowed(&runtime.latest(), context, used.take()).await {
            Ok(true) => failures = 0,
            Ok(false) => return,
            Err(error) => {
                failures += 1;
                tracing::warn!(
                    event = "websocket.session_unknown",
                    error = &error as &dyn std::error::Error,
                    "the session of an open connection could not be looked at"
                );
                if failures >= MAX_FAILURES {
                    return;
                }
            }
        }
    }
}

async fn is_allowed(runtime: &Runtime, context: &Context, is_use: bool) -> Result<bool, AuthError> {
    let cookie = cookies::SESSION.value(&context.headers);
    let Some(token) = cookie.and_then(SessionToken::parse) else { return Ok(false) };
    let now = runtime.clock.now();
    let rules = runtime.auth.policy().deciding_rules(context.path.as_str());
    let session = if is_use && rules.counts_as_use() {
        runtime.auth.load_session(&token, now).await?
    } else {
        runtime.auth.peek_session(&token, now).await?
    };
    let Some(session) = session else { return Ok(false) };
    let facts = context.facts(Method::GET.as_str(), context.path.as_str(), Some(&session));
    Ok(matches!(rules.evaluate(&facts).into_decision(), Decision::Allowed | Decision::Public))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_pages_of_listed_origins_and_programs_may_ask() {
        let own = ["https://login.example.jp".to_owned()];
        let additional = ["https://app.example.jp".to_owned()];
        for (origins, expected) in [
            (&[][..], true),
            (&["https://login.example.jp"], true),
            (&["https://app.example.jp"], true),
            (&["https://evil.example"], false),
            (&["https://login.example.jp.evil.example"], false),
            (&["http://login.example.jp"], false),
            (&["https://login.example.jp:8443"], false),
            (&["null"], false),
            (&[""], false),
            (&["\u{ff}"], false),
            (&["https://login.example.jp", "https://evil.example"], false),
            (&["https://evil.example", "https://login.example.jp"], false),
        ] {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(ORIGIN, HeaderValue::from_str(origin).expect("a value"));
            }
            assert_eq!(is_own_origin(&headers, &own, &additional), expected, "{origins:?}");
        }
    }
}
