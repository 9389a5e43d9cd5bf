//! A request with its whole body, and its form fields.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::time::Instant;

/// A request as the handlers get it. No `Debug`: it holds secrets.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// The server name in the request, with its port.
    pub(crate) host: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    pub(crate) now: Instant,
}

impl Call<'_> {
    /// Returns the value of a header; `None` if it is missing or not visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Parses the body as a form; no fields if the body has another media type.
    pub(crate) fn form(&self) -> Form<'_> {
        let is_form = self.media_type().eq_ignore_ascii_case("application/x-www-form-urlencoded");
        if is_form { Form::parse(self.body) } else { Form::default() }
    }

    /// Returns the media type without parameters such as the charset; empty if there is none.
    pub(crate) fn media_type(&self) -> &str {
        self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim()
    }

    pub(crate) fn query(&self) -> Form<'_> {
        Form::parse(self.query.as_bytes())
    }
}

/// Form fields in the order sent. Raw UTF-8, empty pairs and unknown names are allowed, because the
/// service accepts them.
#[derive(Default)]
pub(crate) struct Form<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Form<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Self {
        Self { pairs: form_urlencoded::parse(bytes).collect() }
    }

    pub(crate) fn from_pairs(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self { pairs: pairs.map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// Returns the first value of a field; `None` if it is missing.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// Returns the first value of a field; `None` if it is missing or empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Returns the values of an array in both forms that the vendor's SDKs write: `tags[]=a` and
    /// `tags[0]=a`.
    pub(crate) fn array(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter_map(move |(key, value)| {
            let index = key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            index.bytes().all(|byte| byte.is_ascii_digit()).then_some(value.as_ref())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_arrays_are_parsed_in_order() {
        for form in ["tags[]=a&tags[]=b", "tags[0]=a&tags[1]=b", "tags%5B%5D=a&tags%5B%5D=b"] {
            let form = Form::parse(form.as_bytes());
            assert_eq!(form.array("tags").collect::<Vec<_>>(), ["a", "b"]);
        }
        assert_eq!(Form::parse(b"tagsy=a&tags[x]=b&tags=c").array("tags").count(), 0);
    }

    #[test]
    fn raw_utf8_and_a_trailing_ampersand_are_accepted() {
        let raw = "message1=認証コード 1&message2=&".as_bytes();
        let form = Form::parse(raw);
        assert_eq!(form.get("message1"), Some("認証コード 1"));
        assert_eq!((form.get("message2"), form.filled("message2")), (Some(""), None));
        assert_eq!(form.get(""), None);
    }
}
