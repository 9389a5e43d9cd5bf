//! The protected application of the demo. It knows its user only from the headers of the gateway.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use mfa_gateway::time::SharedClock;
use mfa_pages::{Frame, Language, LanguageWishes, Site, content_security_policy, negotiate};
use mfa_plugin_api::AuthenticationMethod;
use mfa_proxy::{Body, RequestBody, full};
use serde_json::json;

use crate::sample::{
    STYLE_SHEET, STYLE_SHEET_PATH, SamplePage, SampleSection, SampleUser, render_sample,
};

const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) site: Site,
    pub(crate) clock: SharedClock,
}

impl Application {
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<RequestBody>,
        _peer: SocketAddr,
    ) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if path.starts_with("/echo/") {
            return echo(request).await;
        }
        let section = match path.as_str() {
            "/" => SampleSection::Home,
            "/admin/" => SampleSection::Admin,
            "/public/" => SampleSection::Public,
            STYLE_SHEET_PATH => {
                return whole(StatusCode::OK, "text/css; charset=utf-8", STYLE_SHEET);
            }
            _ => return text(StatusCode::NOT_FOUND, "not found\n"),
        };
        self.page(section, request.headers())
    }

    fn page(&self, section: SampleSection, headers: &HeaderMap) -> Response<Body> {
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let wishes =
            LanguageWishes { accept_language: said("accept-language"), ..Default::default() };
        let frame = Frame::new(&self.site, negotiate(&wishes, Language::Ja), self.clock.now());
        let methods: Vec<AuthenticationMethod> = said("x-mfa-amr")
            .into_iter()
            .flat_map(|amr| amr.split(','))
            .map(|m| AuthenticationMethod::new(m.to_owned()))
            .collect();
        let mut page = SamplePage::new(frame, section);
        if let Some(name) = said("x-mfa-user") {
            let seconds: Option<u64> = said("x-mfa-auth-time").and_then(|time| time.parse().ok());
            let signed_in_at =
                seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
            page = page.with_user(SampleUser { name, methods: &methods, signed_in_at });
        }
        let mut response = Response::new(full(render_sample(&page)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(policy) = HeaderValue::try_from(content_security_policy([])) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// Returns the request as it arrived, for tests of what the gateway forwards.
async fn echo(request: Request<RequestBody>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "too large\n");
    };
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let told = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.path_and_query().map_or("/", |target| target.as_str()),
        "headers": headers,
        "body": String::from_utf8_lossy(&body.to_bytes()),
    });
    let mut response = Response::new(full(told.to_string()));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn text(status: StatusCode, words: &'static str) -> Response<Body> {
    whole(status, "text/plain; charset=utf-8", words)
}

fn whole(status: StatusCode, content_type: &'static str, body: &'static str) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
