//! A scripted user's browser: cookies, forms and redirects, over real HTTP.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail};
use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: String,
    pub(super) took: Duration,
    pub(super) headers: HeaderMap,
}

impl Seen {
    /// Whether a code can be typed on the page.
    pub(super) fn has_form(&self) -> bool {
        self.body.contains("name=\"code\"")
    }

    /// The hidden value of the page's form.
    pub(super) fn form_token(&self) -> anyhow::Result<&str> {
        let (_, rest) = self
            .body
            .split_once("name=\"csrf\" value=\"")
            .context("the page has no form of ours")?;
        rest.split('"').next().context("the form's token does not end")
    }

    /// The names of the cookies that were set or removed, without their values.
    pub(super) fn cookies(&self) -> String {
        let names: Vec<&str> = self
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok()?.split('=').next())
            .collect();
        names.join(", ")
    }
}

#[derive(Debug)]
pub(super) struct Browser {
    pub(super) client: reqwest::Client,
    pub(super) origin: String,
    pub(super) cookies: BTreeMap<String, String>,
}

impl Browser {
    /// A browser without cookies, for pages under `origin`.
    pub(super) fn new(origin: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { client, origin: origin.to_owned(), cookies: BTreeMap::new() })
    }

    /// A second browser with the same cookies, as if somebody had copied them.
    pub(super) fn copy(&self) -> Self {
        Self {
            client: self.client.clone(),
            origin: self.origin.clone(),
            cookies: self.cookies.clone(),
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<Seen> {
        let request = self.client.get(format!("{}{path}", self.origin));
        self.send(request).await
    }

    /// Posts the form of `page` to `path`.
    pub(super) async fn post(
        &mut self,
        page: &Seen,
        path: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Seen> {
        let mut form = vec![("csrf", page.form_token()?)];
        form.extend_from_slice(fields);
        let request = self
            .client
            .post(format!("{}{path}", self.origin))
            .header(header::ORIGIN, &self.origin)
            .form(&form);
        self.send(request).await
    }

    pub(super) async fn send(&mut self, request: reqwest::RequestBuilder) -> anyhow::Result<Seen> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let started = Instant::now();
        let response = request
            .header(header::ACCEPT, "text/html")
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::COOKIE, cookies.join("; "))
            .send()
            .await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await?;
        let took = started.elapsed();
        self.keep_cookies(&headers)?;
        let location =
            headers.get(header::LOCATION).and_then(|v| v.to_str().ok()).map(str::to_owned);
        Ok(Seen { status, location, body, took, headers })
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) -> anyhow::Result<()> {
        for line in headers.get_all(header::SET_COOKIE) {
            let line = line.to_str()?;
            let Some((name, rest)) = line.split_once('=') else {
                bail!("a Set-Cookie line without a name")
            };
            let value = rest.split(';').next().unwrap_or_default();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(())
    }
}
