//! What the responses of the SMS API mean.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{
    engine,
    error::{Effect, Error, ErrorKind},
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
    errors: FieldNames,
}

/// The keys of a map from field names to texts. Any other value counts as empty.
#[derive(Default)]
struct FieldNames(BTreeSet<String>);

impl<'de> Deserialize<'de> for FieldNames {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(FieldNamesVisitor)
    }
}

struct FieldNamesVisitor;

impl<'de> Visitor<'de> for FieldNamesVisitor {
    type Value = FieldNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldNames, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, _texts)) = map.next_entry::<String, IgnoredAny>()? {
            // Only words that look like names: any other text could quote the request. At most 20 names.
            if names.len() < 20 && redact::word(&name).is_some() {
                names.insert(name);
            }
        }
        Ok(FieldNames(names))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FieldNames, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(FieldNames::default())
    }

    fn visit_unit<E>(self) -> Result<FieldNames, E> {
        Ok(FieldNames::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<FieldNames, E> {
        Ok(FieldNames::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<FieldNames, E> {
        Ok(FieldNames::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<FieldNames, E> {
        Ok(FieldNames::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<FieldNames, E> {
        Ok(FieldNames::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<FieldNames, E> {
        Ok(FieldNames::default())
    }
}

/// Why a bulk send, or one of its rows, failed. `Debug` hides Karaden's text.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowError {
    /// Karaden's code, if it looks like one.
    pub code: Option<String>,
    /// The names of the invalid fields, if Karaden states them.
    pub fields: Vec<String>,
    text: Option<String>,
}

impl RowError {
    /// Returns Karaden's text. It may quote the number and the text of the row: do not log it.
    pub fn expose_server_text(&self) -> Option<&str> {
        self.text.as_deref()
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
        Some(RowError { code, fields: field_names(problem), text: problem.message.clone() })
    }
}

/// Reads a response with status 200 into `T`.
pub(super) fn success<'de, T: Deserialize<'de>>(response: &'de Response) -> Result<T, Error> {
    if response.status() != 200 {
        return Err(failure(response));
    }
    wire::json(response.body()).ok_or_else(|| unreadable(response))
}

/// Returns the error for a response that is not a success.
pub(super) fn failure(response: &Response) -> Error {
    let status = response.status();
    let problem = wire::json::<Problem>(response.body())
        .filter(|problem| problem.object.as_deref() == Some("error"));
    let Some(problem) = problem else {
        // A success without the expected body, such as 204, proves nothing.
        return if status < 300 { unreadable(response) } else { wire::by_status(response) };
    };
    let code = problem.code.as_deref().unwrap_or("");
    let error = match refusal(status, code, &problem, response) {
        Some((kind, reason)) => Error::new(kind, Effect::None)
            .with_status(status)
            .with_retry_after(engine::retry_after(response))
            .with_refusal(reason),
        None => engine::by_status(response),
    };
    error
        .with_code(code)
        .with_fields(field_names(&problem))
        .with_server_text(problem.message.as_deref())
}

/// Returns the refusal in an error object. Only a 4xx status means that the request was not carried out,
/// except 408, which may come from a proxy.
fn refusal(
    status: u16,
    code: &str,
    problem: &Problem,
    response: &Response,
) -> Option<(ErrorKind, RefusalReason)> {
    use ErrorKind as Kind;
    use RefusalReason as Why;
    if !(400..500).contains(&status) || status == 408 {
        return None;
    }
    Some(match (status, code) {
        (_, "invalid_tenant") => (Kind::Refused, Why::InvalidTenant),
        (_, "invalid_version") => (Kind::Refused, Why::InvalidVersion),
        (_, "can_not_cancel_message") => (Kind::Refused, Why::NotCancellable),
        (_, "validation_error") | (422, _) => {
            (Kind::Refused, Why::Validation(field_names(problem)))
        }
        (_, "unauthentication") | (401, _) => (Kind::Unauthenticated, Why::Unauthenticated),
        (_, "model_not_found") | (404, _) => (Kind::NotFound, Why::NotFound),
        (403, _) => (Kind::Forbidden, Why::Forbidden),
        (409, _) => (Kind::Conflict, Why::Conflict),
        (429, _) => (Kind::RateLimited, Why::RateLimited(engine::retry_after(response))),
        _ => (Kind::Refused, Why::Other(redact::word(code).map(str::to_owned))),
    })
}

fn field_names(problem: &Problem) -> Vec<String> {
    problem.errors.0.iter().cloned().collect()
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
