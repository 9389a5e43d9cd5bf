//! The errors of the API.

use http::StatusCode;
use serde::{Serialize, Serializer};

use super::field::Field;
use crate::{
    body::{Reply, json_of},
    config::Quirks,
    world::Rejection,
};

/// Why a request is rejected, and the HTTP status of the response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    rejection: Rejection,
}

/// The error object of the API.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'static str>,
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    errors: Field<FieldErrors<'a>>,
}

/// The invalid fields, in the order in which they were found. The API writes them as a JSON object, so
/// `Serialize` turns the list into a map.
#[derive(Debug)]
pub(crate) struct FieldErrors<'a>(&'a [(&'static str, Vec<String>)]);

impl Serialize for FieldErrors<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(field, texts)| (field, texts)))
    }
}

impl<'a> ErrorObject<'a> {
    pub(crate) fn new(rejection: &'a Rejection, quirks: &Quirks) -> Self {
        Self::with_message(rejection, quirks, rejection.message)
    }

    fn with_message(rejection: &'a Rejection, quirks: &Quirks, message: &'a str) -> Self {
        let errors = Some(FieldErrors(&rejection.errors)).filter(|errors| !errors.0.is_empty());
        Self {
            object: (!quirks.error_without_object).then_some("error"),
            code: rejection.code,
            message,
            errors: Field::new(errors, quirks.absent),
        }
    }
}

impl Failure {
    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, rejection: Rejection { code, message, errors: Vec::new() } }
    }

    pub(crate) const fn invalid_version() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_version", "不正なバージョンが指定されています")
    }

    pub(crate) const fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthentication",
            "認証に失敗しました、指定されているトークンは利用できません",
        )
    }

    pub(crate) const fn invalid_tenant() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_tenant", "不正なテナントIDが指定されています")
    }

    pub(crate) const fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "model_not_found",
            "対象となるモデルが見つかりませんでした、または指定されたトークンでは操作できない可能性があります。",
        )
    }

    pub(crate) const fn can_not_cancel() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "can_not_cancel_message",
            "メッセージのキャンセルができません、予約投稿のメッセージは開始5分前までキャンセル可能です。",
        )
    }

    pub(crate) const fn file_already_used() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "unknown",
            "すでに指定されたファイルでメッセージを一括送信しています。",
        )
    }

    pub(crate) const fn unknown(status: StatusCode) -> Self {
        Self::new(status, "unknown", "不明なエラーが発生しました")
    }

    /// Reports all invalid fields together.
    pub(crate) const fn validation(errors: Vec<(&'static str, Vec<String>)>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            rejection: Rejection {
                code: "validation_error",
                message: "バリデーションエラーが発生しました",
                errors,
            },
        }
    }

    /// Returns the error of the API for this status. The codes for 403 and 429 are not public; they
    /// are our choice.
    pub(crate) fn for_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::unauthenticated(),
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::UNPROCESSABLE_ENTITY => {
                Self::validation(vec![("body", vec!["bodyの値が正しくありません。".to_owned()])])
            }
            StatusCode::FORBIDDEN => {
                Self::new(status, "forbidden", "指定されたトークンではこの操作は許可されていません")
            }
            StatusCode::TOO_MANY_REQUESTS => {
                Self::new(status, "too_many_requests", "リクエストが多すぎます")
            }
            _ => Self::unknown(status),
        }
    }

    pub(crate) fn reply(&self, quirks: &Quirks) -> Reply {
        json_of(self.status, &ErrorObject::new(&self.rejection, quirks))
    }

    /// Makes the error response with another message.
    pub(crate) fn reply_with_message(&self, quirks: &Quirks, message: &str) -> Reply {
        json_of(self.status, &ErrorObject::with_message(&self.rejection, quirks, message))
    }

    /// Returns the error without its HTTP status, for the result of a bulk send.
    pub(crate) fn into_rejection(self) -> Rejection {
        self.rejection
    }
}

/// The invalid fields found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<(&'static str, Vec<String>)>);

impl Problems {
    pub(crate) fn add(&mut self, field: &'static str, text: impl Into<String>) {
        match self.0.iter_mut().find(|(name, _)| *name == field) {
            Some((_, texts)) => texts.push(text.into()),
            None => self.0.push((field, vec![text.into()])),
        }
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::validation(self.0)) }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::validation(problems.0)
    }
}
