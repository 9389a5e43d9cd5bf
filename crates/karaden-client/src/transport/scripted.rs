//! A transport that plays a script, for tests of programs that use this crate.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};

use super::{
    contract::{Response, Transport, TransportError, TransportErrorKind},
    request::Request,
};

/// One step of a script: the response to the next request.
#[derive(Debug)]
pub struct Exchange {
    reply: Result<Response, TransportErrorKind>,
    after: Duration,
}

impl Exchange {
    /// Makes a step that responds with this status and body.
    pub fn reply(status: u16, body: impl Into<bytes::Bytes>) -> Self {
        Self { reply: Ok(Response::new(status, body)), after: Duration::ZERO }
    }

    /// Adds a header to the response. Does nothing on a failing step.
    ///
    /// # Panics
    ///
    /// If the name or the value is not valid in a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(response) = &mut self.reply {
            let value = HeaderValue::from_str(value).expect("a header value in a script is valid");
            response.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Makes a step that fails with this kind of error.
    pub fn fail(kind: TransportErrorKind) -> Self {
        Self { reply: Err(kind), after: Duration::ZERO }
    }

    /// Delays the step. Uses Tokio's timer, which tests can pause.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }
}

/// A [`Transport`] that responds from a script and records the requests. Clones share the script.
///
/// A request beyond the end of the script fails with [`TransportErrorKind::Connect`].
///
/// ```
/// use karaden_client::{
///     Error, Recipient, push,
///     transport::{Exchange, ScriptedTransport},
/// };
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Error> {
///     let script = ScriptedTransport::new([Exchange::reply(
///         200,
///         r#"{"status":"100","messageId":"abc123"}"#,
///     )]);
///     let credentials = push::Credentials::new()
///         .with_base_url("https://karaden.example/v2/")
///         .with_token("token")
///         .with_security_code("code");
///     let client = push::Client::builder(credentials).with_transport(script.clone()).build()?;
///     let message = push::NewMessage::new(Recipient::new("090-1234-5678")?, "認証コード 123456")?;
///     let accepted = client.send(message).await?.into_accepted()?;
///     assert_eq!(accepted.message_id.as_str(), "abc123");
///     assert_eq!(script.requests().len(), 1);
///     Ok(())
/// }
/// ```
#[derive(Clone, Default)]
pub struct ScriptedTransport {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    script: VecDeque<Exchange>,
    requests: Vec<Request>,
}

impl ScriptedTransport {
    /// Creates a transport with this script.
    pub fn new(script: impl IntoIterator<Item = Exchange>) -> Self {
        let this = Self::default();
        this.extend(script);
        this
    }

    /// Adds steps at the end of the script.
    pub fn extend(&self, script: impl IntoIterator<Item = Exchange>) {
        self.with_state(|state| state.script.extend(script));
    }

    /// Returns the requests so far. They hold what a real server would see: numbers, texts and tokens.
    pub fn requests(&self) -> Vec<Request> {
        self.with_state(|state| state.requests.clone())
    }

    /// Returns how many steps of the script are left.
    pub fn steps_left(&self) -> usize {
        self.with_state(|state| state.script.len())
    }

    fn with_state<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for ScriptedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedTransport").field("steps_left", &self.steps_left()).finish()
    }
}

#[async_trait]
impl Transport for ScriptedTransport {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        let max_body_bytes = request.max_body_bytes();
        let step = self.with_state(|state| {
            state.requests.push(request);
            state.script.pop_front()
        });
        let Some(Exchange { reply, after }) = step else {
            return Err(TransportError::new(TransportErrorKind::Connect));
        };
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        match reply {
            Ok(response) if response.body().len() > max_body_bytes => {
                Err(TransportError::new(TransportErrorKind::TooLarge))
            }
            reply => reply.map_err(TransportError::new),
        }
    }
}
