//! The send list (送信リスト): the numbers that a contract may, or may not, send to.

use serde::{Deserialize, Serialize};

use super::{client::Client, response};
use crate::{
    error::Error,
    operation::{Operation, Safety},
    recipient::Recipient,
    redact,
    transport::Response,
    wire::{self, open_enum},
};

open_enum! {
    /// Why a row of a change failed.
    RowProblem {
        /// The number is invalid or missing.
        InvalidNumber = "202",
        /// The number is on the list already.
        AlreadyListed = "901",
        /// The list is missing.
        ListMissing = "903",
    }
}

/// A row of a change that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowFailure {
    /// The index of the number, from 0.
    pub index: Option<usize>,
    /// The name of the invalid item, if it looks like a name.
    pub item: Option<String>,
    /// The reason.
    pub problem: Option<RowProblem>,
}

/// The result of a change of the send list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListChange {
    /// How many numbers were received.
    pub received: Option<i64>,
    /// How many succeeded.
    pub succeeded: Option<i64>,
    /// How many failed.
    pub failed: Option<i64>,
    /// The rows that failed.
    pub failures: Vec<RowFailure>,
}

impl Client {
    /// Adds numbers to the send list (`karadensetfilter`, type 1).
    ///
    /// Adding twice is harmless: the second time a number is
    /// [`AlreadyListed`](RowProblem::AlreadyListed).
    ///
    /// # Errors
    ///
    /// As for every call. Rows that fail are in the [`ListChange`].
    pub async fn add_to_send_list(&self, numbers: &[Recipient]) -> Result<ListChange, Error> {
        self.change_send_list("1", "add_to_send_list", numbers).await
    }

    /// Replaces the whole send list with these numbers (`karadensetfilter`, type 0). This is also the way
    /// to remove numbers.
    ///
    /// # Errors
    ///
    /// As for every call. Rows that fail are in the [`ListChange`].
    pub async fn replace_send_list(&self, numbers: &[Recipient]) -> Result<ListChange, Error> {
        self.change_send_list("0", "replace_send_list", numbers).await
    }

    async fn change_send_list(
        &self,
        kind: &str,
        name: &'static str,
        numbers: &[Recipient],
    ) -> Result<ListChange, Error> {
        let row = |number: &Recipient| WireEntry {
            phonenumber: number.expose_digits().to_owned(),
            status: "1",
        };
        let (token, securitycode) = self.expose_credentials();
        let list = numbers.iter().map(row).collect();
        let body = WireChange { token, securitycode, kind, list };
        let body = serde_json::to_vec(&body).map_err(|_never| Error::config("not serialisable"))?;
        let request = self.engine().post_json(self.url("karadensetfilter.json"), body);
        self.engine().call(Operation::push(name, Safety::Write), request, change).await
    }
}

#[derive(Serialize)]
struct WireChange<'a> {
    token: &'a str,
    securitycode: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    list: Vec<WireEntry>,
}

#[derive(Serialize)]
struct WireEntry {
    phonenumber: String,
    status: &'static str,
}

#[derive(Deserialize)]
struct WireChanged {
    #[serde(default, deserialize_with = "wire::number")]
    request: Option<i64>,
    #[serde(default, deserialize_with = "wire::number")]
    success: Option<i64>,
    #[serde(default, deserialize_with = "wire::number")]
    error: Option<i64>,
    #[serde(default)]
    errors: Option<Vec<WireFailure>>,
}

#[derive(Deserialize)]
struct WireFailure {
    #[serde(default, deserialize_with = "wire::number")]
    errorrow: Option<i64>,
    #[serde(default, deserialize_with = "wire::text")]
    erroritem: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    errorstatus: Option<String>,
}

fn change(response: &Response) -> Result<ListChange, Error> {
    let wire: WireChanged = response::success_with(response, &[response::OK, response::PARTLY])?;
    let failure = |row: WireFailure| RowFailure {
        // The service counts rows from 1.
        index: row.errorrow.and_then(|row| usize::try_from(row.checked_sub(1)?).ok()),
        item: row.erroritem.as_deref().and_then(redact::word).map(str::to_owned),
        problem: row.errorstatus.as_deref().map(RowProblem::from),
    };
    Ok(ListChange {
        received: wire.request,
        succeeded: wire.success,
        failed: wire.error,
        failures: wire.errors.unwrap_or_default().into_iter().map(failure).collect(),
    })
}
