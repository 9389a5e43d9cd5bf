//! The inbox page.

use askama::Template;
use http::StatusCode;

use super::{InboxMessage, everything};
use crate::body::{Reply, html, text};
use crate::request::Call;
use crate::running::Shared;

#[derive(Template)]
#[template(path = "inbox.html")]
struct Page {
    messages: Vec<InboxMessage>,
}

pub(super) fn page(shared: &Shared, call: &Call<'_>) -> Reply {
    let query = call.query();
    let messages = everything(shared, query.filled("to"), call.now);
    match (Page { messages }).render() {
        Ok(page) => html(StatusCode::OK, page),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
