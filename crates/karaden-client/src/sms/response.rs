//! What the responses of the SMS API mean.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{
    engine,
    error::{Effect, Error},
    error_kind::ErrorKind,
    redact,
    refusal::RefusalReason,
    transport::Response,
    wire::{self, unreadable},
};

/// Karaden's error object.
#[derive(Deserialize)]
struct Problem {
    #[serde(default, deserialize_with = "wire::text")]
    object: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    code: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    message: Option<String>,
    #[serde(default)]
    errors: FieldTexts,
}

/// A map from field names to texts. Any other value counts as empty.
#[derive(Default)]
struct FieldTexts(BTreeMap<String, Vec<String>>);

impl FieldTexts {
    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Returns the texts, each with the name of its field: at most 20.
    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .flat_map(|(name, texts)| texts.iter().map(move |text| (name.as_str(), text.as_str())))
            .take(MAX_FIELDS)
    }
}

/// The most fields that are kept of an error object, and the most texts about them.
const MAX_FIELDS: usize = 20;

impl<'de> Deserialize<'de> for FieldTexts {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(FieldTextsVisitor)
    }
}

struct FieldTextsVisitor;

impl<'de> Visitor<'de> for FieldTextsVisitor {
    type Value = FieldTexts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldTexts, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, Texts(texts))) = map.next_entry::<String, Texts>()? {
            // Only words that look like names: any other text could quote the request.
            if fields.len() < MAX_FIELDS && redact::word(&name).is_some() {
                fields.insert(name, texts);
            }
        }
        Ok(FieldTexts(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FieldTexts, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(FieldTexts::default())
    }

    fn visit_unit<E>(self) -> Result<FieldTexts, E> {
        Ok(FieldTexts::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<FieldTexts, E> {
        Ok(FieldTexts::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<FieldTexts, E> {
        Ok(FieldTexts::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<FieldTexts, E> {
        Ok(FieldTexts::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<FieldTexts, E> {
        Ok(FieldTexts::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<FieldTexts, E> {
        Ok(FieldTexts::default())
    }
}

/// The texts about one field: a list, or one text.
#[derive(Deserialize)]
#[serde(transparent)]
struct Texts(#[serde(deserialize_with = "wire::texts")] Vec<String>);

/// Why a bulk send, or one of its rows, failed. `Debug` hides Karaden's texts, and the feature `serde`
/// leaves them out.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RowError {
    /// Karaden's code, if it looks like one.
    pub code: Option<String>,
    /// The names of the invalid fields, if Karaden states them.
    pub fields: Vec<String>,
    #[cfg_attr(feature = "serde", serde(skip))]
    text: Option<String>,
    #[cfg_attr(feature = "serde", serde(skip))]
    field_texts: Vec<(String, String)>,
}

impl RowError {
    /// Returns Karaden's text. It may quote the number and the text of the row: do not log it.
    pub fn expose_server_text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Returns Karaden's texts about invalid fields, each with the name of its field: at most 20. They may
    /// quote the number and the text of the row: do not log them.
    pub fn expose_field_texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.field_texts.iter().map(|(field, text)| (field.as_str(), text.as_str()))
    }
}

impl fmt::Debug for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowError")
            .field("code", &self.code)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// The error object in a row of a bulk send. Any other value counts as absent.
pub(super) struct LooseProblem(Option<Problem>);

impl<'de> Deserialize<'de> for LooseProblem {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(input)?;
        Ok(Self(Problem::deserialize(value).ok()))
    }
}

impl LooseProblem {
    pub(super) fn row_error(&self) -> Option<RowError> {
        let problem = self.0.as_ref()?;
        let code = problem.code.as_deref().and_then(redact::word).map(str::to_owned);
        let owned = |(field, text): (&str, &str)| (field.to_owned(), text.to_owned());
        Some(RowError {
            code,
            fields: problem.errors.names(),
            text: problem.message.clone(),
            field_texts: problem.errors.texts().map(owned).collect(),
        })
    }
}

/// Reads a response with status 200 into `T`.
pub(super) fn success<'de, T: Deserialize<'de>>(response: &'de Response) -> Result<T, Error> {
    if response.status() != 200 {
        return Err(failure(response));
    }
    wire::object(response.body()).ok_or_else(|| unreadable(response))
}

/// Returns the error for a response that is not a success.
pub(super) fn failure(response: &Response) -> Error {
    let status = response.status();
    let problem = wire::object::<Problem>(response.body())
        .filter(|problem| problem.object.as_deref() == Some("error"));
    let Some(problem) = problem else {
        // A success without the expected body, such as 204, proves nothing.
        return if status < 300 { unreadable(response) } else { wire::by_status(response) };
    };
    let code = problem.code.as_deref().unwrap_or("");
    let error = match refusal(status, code, &problem, response) {
        Some(reason) => Error::refused(reason)
            .with_status(status)
            .with_retry_after(engine::retry_after(response)),
        None => engine::by_status(response),
    };
    error
        .with_code(code)
        .with_fields(problem.errors.names())
        .with_field_texts(problem.errors.texts())
        .with_server_text(problem.message.as_deref())
}

/// Returns the refusal in an error object. Only a 4xx status means that the request was not carried out,
/// except 408, which may come from a proxy.
fn refusal(
    status: u16,
    code: &str,
    problem: &Problem,
    response: &Response,
) -> Option<RefusalReason> {
    use RefusalReason as Why;
    if !(400..500).contains(&status) || status == 408 {
        return None;
    }
    Some(match (status, code) {
        (_, "invalid_tenant") => Why::InvalidTenant,
        (_, "invalid_version") => Why::InvalidVersion,
        (_, "can_not_cancel_message") => Why::NotCancellable,
        (_, "validation_error") | (422, _) => Why::Validation(problem.errors.names()),
        (_, "unauthentication") | (401, _) => Why::Unauthenticated,
        (_, "model_not_found") | (404, _) => Why::NotFound,
        (403, _) => Why::Forbidden,
        (409, _) => Why::Conflict,
        (429, _) => Why::RateLimited(engine::retry_after(response)),
        _ => Why::Other(redact::word(code).map(str::to_owned)),
    })
}

/// Fails if a request about the object `requested` got a response about `received`.
pub(super) fn is_about(requested: &str, received: &str, response: &Response) -> Result<(), Error> {
    if received.eq_ignore_ascii_case(requested) {
        return Ok(());
    }
    Err(about_another_message(response))
}

/// Returns the error for a response about another message than the request.
pub(super) fn about_another_message(response: &Response) -> Error {
    Error::new(ErrorKind::Decode, Effect::Unknown)
        .with_status(response.status())
        .with_phrase("the response is about another message")
}
