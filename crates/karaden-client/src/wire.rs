//! Reading JSON from the server: lenient about types, strict about limits.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    engine,
    error::{Effect, Error},
    error_kind::ErrorKind,
    redact,
    transport::Response,
};

/// Parses a JSON body, whatever its content type. A byte-order mark is dropped.
///
/// `None` if it is not the expected JSON. The parser's error may quote the body, so it is dropped.
pub(crate) fn json<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Option<T> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match std::str::from_utf8(body) {
        // One check of the whole text is cheaper than one per string.
        Ok(text) => serde_json::from_str(text).ok(),
        // Fields that are not read may hold any bytes.
        Err(_) => serde_json::from_slice(body).ok(),
    }
}

/// Like [`json`], but only for a body that is an object. serde reads a struct from a list too: `["message",
/// "m-1"]` would be a message.
pub(crate) fn object<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Option<T> {
    let start = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    if start.first() == Some(&b'{') { json(body) } else { None }
}

/// Returns the error for a response that is not what the API promises, with an excerpt of it as the
/// server's text.
pub(crate) fn unreadable(response: &Response) -> Error {
    Error::new(ErrorKind::Decode, Effect::Unknown)
        .with_status(response.status())
        .with_phrase(redact::shape(response.body()))
        .with_server_text(redact::excerpt(response.body()).as_deref())
}

/// Returns the error for the HTTP status of a response that is not the API's, with an excerpt of it.
pub(crate) fn by_status(response: &Response) -> Error {
    engine::by_status(response).with_server_text(redact::excerpt(response.body()).as_deref())
}

/// Reads a value of an [`open_enum!`]. An empty text counts as absent.
pub(crate) fn open<T: for<'a> From<&'a str>>(text: Option<&str>) -> Option<T> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(T::from)
}

/// Reads a text from a string, a number or a boolean. Any other value counts as absent.
pub(crate) fn text<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    Ok(word(input)?.map(Cow::into_owned))
}

/// Like [`text`], but borrows from the body where it can.
pub(crate) fn word<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    input.deserialize_any(Loose(PhantomData::<Text>))
}

/// Reads a number from a number or a string. Any other value counts as absent.
pub(crate) fn number<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    input.deserialize_any(Loose(PhantomData::<Number>))
}

/// Reads a flag from a boolean, 0/1 or a word. Any other value counts as absent.
pub(crate) fn flag<'de, D: Deserializer<'de>>(input: D) -> Result<Option<bool>, D::Error> {
    Ok(match word(input)?.as_deref().map(str::trim) {
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        _ => None,
    })
}

/// Reads a list of texts. A single text counts as a list of one, any other value as empty.
pub(crate) fn texts<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    input.deserialize_any(Loose(PhantomData::<Texts>))
}

/// The type that a loosely typed value is read as.
trait Shape<'de> {
    type Value;
    fn absent() -> Self::Value;
    fn from_text(text: Cow<'de, str>) -> Self::Value;
    fn from_integer(value: i64) -> Self::Value {
        Self::from_text(Cow::Owned(value.to_string()))
    }
    fn from_seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::absent())
    }
}

struct Text;

impl<'de> Shape<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn absent() -> Self::Value {
        None
    }

    fn from_text(text: Cow<'de, str>) -> Self::Value {
        Some(text)
    }
}

struct Number;

impl<'de> Shape<'de> for Number {
    type Value = Option<i64>;

    fn absent() -> Self::Value {
        None
    }

    fn from_text(text: Cow<'de, str>) -> Self::Value {
        text.trim().parse().ok()
    }

    fn from_integer(value: i64) -> Self::Value {
        Some(value)
    }
}

struct Texts;

impl<'de> Shape<'de> for Texts {
    type Value = Vec<String>;

    fn absent() -> Self::Value {
        Vec::new()
    }

    fn from_text(text: Cow<'de, str>) -> Self::Value {
        vec![text.into_owned()]
    }

    fn from_seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(OneText(text)) = seq.next_element()? {
            texts.extend(text);
        }
        Ok(texts)
    }
}

struct OneText(Option<String>);

impl<'de> de::Deserialize<'de> for OneText {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text(input).map(Self)
    }
}

struct Loose<S>(PhantomData<S>);

impl<'de, S: Shape<'de>> Visitor<'de> for Loose<S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<S::Value, E> {
        Ok(S::from_text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<S::Value, E> {
        Ok(S::from_text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<S::Value, E> {
        Ok(S::from_text(Cow::Owned(value)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<S::Value, E> {
        Ok(S::from_text(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_i64<E>(self, value: i64) -> Result<S::Value, E> {
        Ok(S::from_integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<S::Value, E> {
        Ok(match i64::try_from(value) {
            Ok(value) => S::from_integer(value),
            Err(_too_large) => S::from_text(Cow::Owned(value.to_string())),
        })
    }

    fn visit_f64<E>(self, value: f64) -> Result<S::Value, E> {
        Ok(S::from_text(Cow::Owned(value.to_string())))
    }

    fn visit_unit<E>(self) -> Result<S::Value, E> {
        Ok(S::absent())
    }

    fn visit_none<E>(self) -> Result<S::Value, E> {
        Ok(S::absent())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<S::Value, A::Error> {
        S::from_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(S::absent())
    }
}

/// An enum of the words an API documents, which keeps any other word as `Other`.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal $(| $alias:literal)*),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value that this version of the crate does not know, as received.
            Other(String),
        }

        impl $name {
            /// Returns the value in the API's spelling.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(raw) => raw,
                }
            }
        }

        impl From<&str> for $name {
            fn from(raw: &str) -> Self {
                match raw.trim() {
                    $($word $(| $alias)* => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
                output.serialize_str(self.as_str())
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(input).map(|raw| Self::from(raw.as_str()))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$variant => f.write_str(stringify!($variant)),)+
                    // The value comes from the server: show it only if it looks like a code word.
                    Self::Other(raw) => write!(f, "Other({})", $crate::redact::word(raw).unwrap_or("…")),
                }
            }
        }
    };
}
pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "text")]
        text: Option<String>,
        #[serde(default, deserialize_with = "number")]
        number: Option<i64>,
        #[serde(default, deserialize_with = "flag")]
        flag: Option<bool>,
        #[serde(default, deserialize_with = "texts")]
        texts: Vec<String>,
    }

    fn check(body: &str, expected: (Option<&str>, Option<i64>, Option<bool>, &[&str])) {
        let sample: Sample = json(body.as_bytes()).expect(body);
        let texts: Vec<_> = sample.texts.iter().map(String::as_str).collect();
        assert_eq!(
            (sample.text.as_deref(), sample.number, sample.flag, texts.as_slice()),
            expected,
            "{body}"
        );
    }

    #[test]
    fn strings_and_numbers_are_interchangeable() {
        let expected = (Some("7"), Some(12), Some(true), &["a", "1"][..]);
        check(r#"{"text":"7","number":"12","flag":"true","texts":["a","1"]}"#, expected);
        check(r#"{"text":7,"number":12,"flag":true,"texts":["a",1]}"#, expected);
        check("\u{feff}{\"text\":7,\"number\":\" 12 \",\"flag\":1,\"texts\":[\"a\",1]}", expected);
    }

    #[test]
    fn null_and_values_of_other_types_are_absent() {
        let absent = (None, None, None, &[][..]);
        check("{}", absent);
        check(r#"{"text":null,"number":null,"flag":null,"texts":null}"#, absent);
        check(r#"{"text":[[1]],"number":{"a":[1]},"flag":[],"texts":{"a":1}}"#, absent);
        check(r#"{"number":"","flag":"maybe"}"#, absent);
    }

    #[test]
    fn invalid_utf8_is_allowed_in_fields_that_are_not_read() {
        let sample: Option<Sample> = json(b"{\"text\":\"a\",\"other\":\"\x8a\xbf\"}");
        assert_eq!(sample.expect("readable").text.as_deref(), Some("a"));
        assert!(json::<Sample>(b"{\"text\":\"\x8a\xbf\"}").is_none());
    }

    #[test]
    fn a_body_that_is_not_json_is_none() {
        for body in ["", "<html>", "{", "[1", "nul", "\u{1f}\u{8b}"] {
            assert!(json::<Sample>(body.as_bytes()).is_none(), "{body}");
        }
        let deep = "[".repeat(100_000);
        assert!(json::<Sample>(format!("{{\"text\":{deep}").as_bytes()).is_none());
    }
}
