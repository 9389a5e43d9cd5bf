//! A relay between the client and Prism: it passes everything on, asks Prism for the response that
//! the test wants to see, and writes down what Prism finds wrong with the client's requests.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use testkit::Prism;
use tokio::net::{TcpListener, TcpStream};

/// Where the examples in the two files say that files of bulk sends are.
const STORAGES: [&str; 3] = ["http://127.0.0.1:8081", "https://example.com", "http://example.com"];

pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    prism: Prism,
}

#[derive(Default)]
struct State {
    prism: String,
    own: String,
    /// What to prefer, by the end of the path.
    preferences: Mutex<Vec<(&'static str, String)>>,
    requests: Mutex<Vec<String>>,
    complaints: Mutex<Vec<String>>,
}

impl Relay {
    pub(crate) async fn start(prism: Prism) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let own = format!("http://{address}");
        let state = Arc::new(State { prism: prism.address().to_owned(), own, ..State::default() });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                let service = service_fn(move |request| response(state.clone(), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, state, prism }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on requests whose path ends like this get the response that this preference names, as
    /// in Prism's header `Prefer`; these are all preferences.
    pub(crate) fn prefer(&self, preferences: &[(&'static str, &str)]) {
        *self.state.preferences.lock().expect("no panic") =
            preferences.iter().map(|(end, what)| (*end, (*what).to_owned())).collect();
    }

    /// The requests since the last time, as `METHOD last-part-of-the-path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.requests.lock().expect("no panic"))
    }

    /// What Prism found wrong since the last time.
    pub(crate) fn complaints(&self) -> Vec<String> {
        assert!(!self.prism.address().is_empty());
        std::mem::take(&mut self.state.complaints.lock().expect("no panic"))
    }
}

async fn response(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let last = path.rsplit('/').next().unwrap_or_default();
    state.requests.lock().expect("no panic").push(format!("{method} {last}"));
    if path == "/" {
        return Ok(storage(&method));
    }
    let response = state.ask_prism(request).await;
    let complaint = complaint(&response);
    if let Some(complaint) = complaint {
        let said = String::from_utf8_lossy(response.body()).into_owned();
        let complaint = format!("{method} {path}: {complaint} {said}");
        state.complaints.lock().expect("no panic").push(complaint);
    }
    Ok(state.to_own_storage(with_the_id_of(&path, response)))
}

/// The same response about the message or bulk send that was asked for: Prism draws an id for each of
/// its own, and the client refuses a response about another one.
fn with_the_id_of(path: &str, response: Response<Bytes>) -> Response<Bytes> {
    let Some(asked) = path.split('/').find(|part| *part == crate::sms::ID) else { return response };
    let (parts, body) = response.into_parts();
    let body = match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(mut json) if json["object"] == "message" || json["object"] == "bulk_message" => {
            json["id"] = asked.into();
            Bytes::from(json.to_string())
        }
        _ => body,
    };
    Response::from_parts(parts, body)
}

/// A storage that is outside of what the vendor's file describes.
fn storage(method: &Method) -> Response<Full<Bytes>> {
    let file = if method == Method::GET { "[]" } else { "" };
    Response::new(Full::new(Bytes::from_static(file.as_bytes())))
}

/// Prism's own findings about the request, or about the response that it generated.
fn complaint(response: &Response<Bytes>) -> Option<String> {
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let own_words = header(CONTENT_TYPE.as_str()).filter(|kind| kind.contains("problem+json"));
    header("sl-violations").or(own_words)
}

impl State {
    async fn ask_prism(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await.expect("a whole request").to_bytes();
        self.add_preference(parts.uri.path(), &mut parts.headers);
        parts.headers.insert(HOST, HeaderValue::from_str(&self.prism).expect("an address"));
        let stream = TcpStream::connect(&self.prism).await.expect("Prism listens");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        let request = Request::from_parts(parts, Full::new(body));
        let (parts, body) = sender.send_request(request).await.expect("a response").into_parts();
        let body = body.collect().await.expect("a whole response").to_bytes();
        Response::from_parts(parts, body)
    }

    fn add_preference(&self, path: &str, headers: &mut HeaderMap) {
        let preferences = self.preferences.lock().expect("no panic");
        if let Some((_, what)) = preferences.iter().find(|(end, _)| path.ends_with(end)) {
            headers.insert("prefer", HeaderValue::from_str(what).expect("plain"));
        }
    }

    /// The same response, with the storage here instead of where the example has it.
    fn to_own_storage(&self, response: Response<Bytes>) -> Response<Full<Bytes>> {
        let (mut parts, body) = response.into_parts();
        let here = |text: &str| {
            STORAGES.iter().fold(text.to_owned(), |text, storage| text.replace(storage, &self.own))
        };
        if let Some(location) = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok()) {
            let location = HeaderValue::from_str(&here(location)).expect("a URL");
            parts.headers.insert(LOCATION, location);
        }
        parts.headers.remove(CONTENT_LENGTH);
        let body = String::from_utf8(body.to_vec()).expect("Prism responds in UTF-8");
        Response::from_parts(parts, Full::new(Bytes::from(here(&body))))
    }
}
