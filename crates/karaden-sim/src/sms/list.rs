//! Lists messages by page, newest first. The service's order is unknown; this is our decision.

use http::StatusCode;

use super::{
    caller::Caller,
    error::{Failure, Problems},
    send::read_date_time,
    wire::{MessageList, View, state_of},
};
use crate::{
    body::{Reply, json_of},
    request::{Call, Form},
    shared::Shared,
    time::Instant,
    world::{Message, Number, Selection},
};

const DEFAULT_PER_PAGE: usize = 20;
const MAX_PER_PAGE: usize = 100;

/// The query of a list. Every filter is optional.
#[derive(Default)]
struct Query<'a> {
    service_id: Option<u64>,
    to: Option<&'a str>,
    status: Option<&'a str>,
    result: Option<&'a str>,
    sent_result: Option<&'a str>,
    tag: Option<&'a str>,
    start_at: Option<Instant>,
    end_at: Option<Instant>,
    page: usize,
    per_page: usize,
}

/// `GET /messages`.
pub(super) fn list(
    shared: &Shared,
    call: &Call<'_>,
    caller: &Caller<'_>,
) -> Result<Reply, Failure> {
    let form = call.query();
    let query = Query::read(&form)?;
    let world = shared.world();
    let selection = match (query.tag, query.to.map(Number::parse)) {
        (Some(tag), _) => Selection::Tag(tag),
        (None, Some(Some(number))) => Selection::Number(number),
        _ => Selection::All,
    };
    let skip = (query.page - 1).saturating_mul(query.per_page);
    let mut matching = world
        .history
        .newest_first(selection)
        .filter(|message| message.request.owner == caller.owner && query.matches(message, call.now))
        .skip(skip)
        .peekable();
    let page: Vec<_> = matching.by_ref().take(query.per_page).collect();
    let has_more = matching.peek().is_some();
    let view = View::new(caller, world.quirks.absent, call.now);
    let data = page.into_iter().map(|message| view.object(message)).collect();
    Ok(json_of(StatusCode::OK, &MessageList { object: "list", has_more, data }))
}

impl<'a> Query<'a> {
    fn read(form: &'a Form<'_>) -> Result<Self, Failure> {
        let mut problems = Problems::default();
        let query = Self {
            service_id: number(form, "service_id", &mut problems),
            to: form.filled("to"),
            status: word(form, "status", &["done", "waiting", "error", "canceled"], &mut problems),
            result: word(form, "result", &["done", "processing"], &mut problems),
            sent_result: word(
                form,
                "sent_result",
                &["none", "received", "unconnected", "error", "unknown"],
                &mut problems,
            ),
            tag: form.filled("tag"),
            start_at: read_date_time(form, "start_at", &mut problems),
            end_at: read_date_time(form, "end_at", &mut problems),
            page: size(form, "page", 1, usize::MAX, &mut problems),
            per_page: size(form, "per_page", DEFAULT_PER_PAGE, MAX_PER_PAGE, &mut problems),
        };
        problems.finish()?;
        Ok(query)
    }

    fn matches(&self, message: &Message, now: Instant) -> bool {
        let state = state_of(message.stage(now));
        self.service_id.is_none_or(|id| id == message.request.service_id)
            && self.to.is_none_or(|to| to == message.request.to.as_str())
            && self.tag.is_none_or(|tag| message.has_tag(tag))
            && self.status.is_none_or(|status| status == state.status)
            && self.result.is_none_or(|result| result == state.result)
            && self.sent_result.is_none_or(|result| result == state.sent_result)
            && self.start_at.is_none_or(|at| at <= message.accepted_at)
            && self.end_at.is_none_or(|at| message.accepted_at <= at.end_of_second())
    }
}

fn number(form: &Form<'_>, field: &'static str, problems: &mut Problems) -> Option<u64> {
    let number = form.filled(field)?.parse().ok();
    if number.is_none() {
        problems.add(field, format!("{field}には整数を指定してください。"));
    }
    number
}

fn size(
    form: &Form<'_>,
    field: &'static str,
    default: usize,
    max: usize,
    problems: &mut Problems,
) -> usize {
    let Some(text) = form.filled(field) else { return default };
    match text.parse() {
        Ok(size) if (1..=max).contains(&size) => size,
        _ => {
            problems.add(field, format!("{field}の値が範囲外です。"));
            default
        }
    }
}

fn word<'a>(
    form: &'a Form<'_>,
    field: &'static str,
    known: &[&str],
    problems: &mut Problems,
) -> Option<&'a str> {
    let word = form.filled(field)?;
    if !known.contains(&word) {
        problems.add(field, format!("{field}の値が正しくありません。"));
    }
    Some(word)
}
