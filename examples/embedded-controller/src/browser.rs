//! A browser: it keeps cookies, and shows redirects instead of following them.

use std::{collections::BTreeMap, time::Duration};

use axum::http::{
    StatusCode,
    header::{COOKIE, LOCATION, SET_COOKIE},
};

use crate::system::Result;

/// A clone is another browser with the same cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    client: reqwest::Client,
    url: String,
    cookies: BTreeMap<String, String>,
}

/// A response.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    location: Option<String>,
}

impl Page {
    /// Where the response redirects to after a POST, or from a page that needs a login.
    pub(crate) fn redirect(&self) -> Option<&str> {
        self.location.as_deref().filter(|_| self.status == StatusCode::SEE_OTHER)
    }
}

impl Browser {
    pub(crate) fn new(url: String) -> Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()?;
        Ok(Self { client, url, cookies: BTreeMap::new() })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Page> {
        let request = self.client.get(format!("{}{path}", self.url));
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Result<Page> {
        let request = self.client.post(format!("{}{path}", self.url)).form(form);
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Result<Page> {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(n, value)| format!("{n}={value}")).collect();
        let response = request.header(COOKIE, cookies.join("; ")).send().await?;
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str()?;
            let (pair, attributes) = cookie.split_once(';').ok_or("a cookie has attributes")?;
            let (name, value) = pair.split_once('=').ok_or("a cookie has a value")?;
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = response.headers().get(LOCATION).map(|location| location.to_str());
        let location = location.transpose()?.map(str::to_owned);
        Ok(Page { status: response.status(), location, text: response.text().await? })
    }
}
