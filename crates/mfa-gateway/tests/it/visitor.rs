//! What tests do with the scripted browser beyond what a user can do.

use std::collections::BTreeMap;

use http::header::ORIGIN;

use crate::browser::{Browser, Seen};

impl Browser {
    /// Puts a cookie into the browser by hand.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn cookie(&self, name: &str) -> String {
        self.cookies.get(name).cloned().unwrap_or_else(|| panic!("no cookie {name}"))
    }

    pub(crate) fn cookies_held(&self) -> BTreeMap<String, String> {
        self.cookies.clone()
    }

    /// Posts the form of `page` as a page of `origin` would.
    pub(crate) async fn post_from(
        &mut self,
        origin: &str,
        page: &Seen,
        path: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Seen> {
        let mut form = vec![("csrf", page.form_token()?)];
        form.extend_from_slice(fields);
        let url = format!("{}{path}", self.origin);
        let request = self.client.post(url).header(ORIGIN, origin).form(&form);
        self.send(request).await
    }

    /// A request with more headers than a browser would send.
    pub(crate) async fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Seen {
        let mut request = self.client.get(format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await.expect("an answer")
    }
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub(crate) fn header_names(&self) -> Vec<String> {
        self.headers.keys().map(|name| name.as_str().to_owned()).collect()
    }

    /// The page without what differs from form to form: its token and the user name typed.
    pub(crate) fn without_form_values(&self, typed: &str) -> String {
        let token = self.form_token().expect("a form").to_owned();
        self.body.replace(&token, "TOKEN").replace(&format!("value=\"{typed}\""), "value=\"NAME\"")
    }
}
