//! A scripted browser: cookies, forms and redirects over real HTTP.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail};
use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A response as the user sees it.
#[derive(Debug)]
pub struct Seen {
    /// The status.
    pub status: StatusCode,
    /// The target of a redirect.
    pub location: Option<String>,
    /// The body, as text.
    pub body: String,
    /// The time from the request to the end of the body.
    pub took: Duration,
    /// The headers.
    pub headers: HeaderMap,
}

impl Seen {
    /// Returns whether the page has a field for a code.
    pub fn has_form(&self) -> bool {
        self.body.contains("name=\"code\"")
    }

    /// Returns the hidden value of the page's form.
    ///
    /// # Errors
    ///
    /// When the page has no form of the gateway.
    pub fn form_token(&self) -> anyhow::Result<&str> {
        self.hidden("csrf").context("the page has no form of the gateway")
    }

    /// Returns the value of the page's hidden field `name`.
    fn hidden(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split('"').next()
    }

    /// Returns the header `name`; empty if there is none, or if it is not ASCII.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns the names of the cookies that were set or removed, without their values.
    pub fn cookie_names(&self) -> String {
        let names: Vec<&str> = self
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok()?.split('=').next())
            .collect();
        names.join(", ")
    }
}

/// A browser with cookies of its own, for the pages of one origin.
///
/// A clone starts with the same cookies: a second tab, or a thief who copied them.
#[derive(Debug, Clone)]
pub struct Browser {
    client: reqwest::Client,
    origin: String,
    cookies: BTreeMap<String, String>,
    /// Sent with each request.
    headers: HeaderMap,
}

impl Browser {
    /// Makes a browser without cookies, for pages under `origin`.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be made.
    pub fn new(origin: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        let (cookies, headers) = (BTreeMap::new(), HeaderMap::new());
        Ok(Self { client, origin: origin.to_owned(), cookies, headers })
    }

    /// Sends this header with each request, as a proxy in front would.
    ///
    /// # Panics
    ///
    /// If it is no header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().expect("the value of a header"));
        self
    }

    /// Puts a cookie into the browser.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Returns the value of the cookie `name`.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Returns names and values of all cookies.
    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    /// Requests `path`.
    ///
    /// # Errors
    ///
    /// When no complete response arrives.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Seen> {
        self.get_with(path, &[]).await
    }

    /// Requests `path` with additional headers.
    ///
    /// # Errors
    ///
    /// When no complete response arrives.
    pub async fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Seen> {
        let mut request = self.client.get(format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// Posts the form of `page` to `path`.
    ///
    /// # Errors
    ///
    /// When the page has no form, or when no complete response arrives.
    pub async fn post(
        &mut self,
        page: &Seen,
        path: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Seen> {
        let origin = self.origin.clone();
        self.post_from(&origin, page, path, fields).await
    }

    /// Posts the form of `page` to `path`, and returns the page that the redirect leads to. Without a
    /// redirect it is the response itself.
    ///
    /// # Errors
    ///
    /// When the page has no form, or when no complete response arrives.
    pub async fn post_and_follow(
        &mut self,
        page: &Seen,
        path: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Seen> {
        let posted = self.post(page, path, fields).await?;
        match (posted.status, &posted.location) {
            (StatusCode::SEE_OTHER, Some(location)) => self.get(location).await,
            _ => Ok(posted),
        }
    }

    /// Posts the form of `page` to `path`, as a page of `origin` would.
    ///
    /// # Errors
    ///
    /// When the page has no form, or when no complete response arrives.
    pub async fn post_from(
        &mut self,
        origin: &str,
        page: &Seen,
        path: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Seen> {
        let mut form = vec![("csrf", page.form_token()?)];
        form.extend(page.hidden("factor").map(|factor| ("factor", factor)));
        form.extend_from_slice(fields);
        let request = self
            .client
            .post(format!("{}{path}", self.origin))
            .header(header::ORIGIN, origin)
            .form(&form);
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> anyhow::Result<Seen> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let started = Instant::now();
        let response = request
            .headers(self.headers.clone())
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
