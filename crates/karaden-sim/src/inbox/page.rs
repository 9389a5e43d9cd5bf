//! The inbox page.

use std::sync::Arc;

use askama::Template;
use http::StatusCode;

use super::{
    messages::{newest_messages, public_id},
    words::{Language, Words},
};
use crate::{
    body::{Reply, html, text},
    config::DeliveryMode,
    operation::Api,
    request::Call,
    shared::Shared,
    time::Instant,
    world::{Message, Number, World, utf16_units},
};

/// Maximum count of messages on the page, so that it stays fast under load.
const MAX_ON_PAGE: usize = 100;
/// Maximum count of numbers with a tab.
const MAX_TABS: usize = 12;

/// The content of the live part. The script requests it alone, the page contains it.
struct View {
    words: &'static Words,
    selected: Option<String>,
    shown_number: String,
    all_url: String,
    self_url: String,
    tabs: Vec<Tab>,
    arrived: Vec<MessageView>,
    pending: Vec<MessageView>,
    modes: Vec<Mode>,
    faults: String,
    manual: bool,
    now: String,
    clock_face: String,
    total: usize,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Page {
    view: View,
    other_lang_url: String,
    refreshes: bool,
    newest: String,
}

#[derive(Template)]
#[template(path = "live.html")]
struct Live {
    view: View,
}

struct Tab {
    number: String,
    shown: String,
    count: usize,
    url: String,
    current: bool,
}

struct Mode {
    value: &'static str,
    name: &'static str,
    what: &'static str,
    pressed: bool,
}

/// One message as the page shows it.
struct MessageView {
    id: String,
    to: String,
    grouped: String,
    api: &'static str,
    sender: &'static str,
    at: String,
    time: String,
    before: String,
    code: Option<String>,
    after: String,
    state: &'static str,
    tone: &'static str,
    length: String,
    carrier: &'static str,
    open: bool,
}

/// `GET /`: the page, or with `part=live` only its live part.
pub(super) fn page(shared: &Arc<Shared>, call: &Call<'_>) -> Reply {
    let query = call.query();
    let language = Language::negotiate(query.get("lang"), call.header("accept-language"));
    let number = query.filled("to").and_then(Number::read);
    let view = View::new(shared, language, query.get("lang").is_some(), number, call.now);
    let rendered = if query.get("part") == Some("live") {
        Live { view }.render()
    } else {
        let newest = view.arrived.last().map(|message| message.id.clone()).unwrap_or_default();
        let other_lang_url = address(number.as_ref(), Some(language.other()));
        Page { view, other_lang_url, refreshes: query.get("refresh") != Some("off"), newest }
            .render()
    };
    match rendered {
        Ok(page) => html(StatusCode::OK, page),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

impl View {
    fn new(
        shared: &Shared,
        language: Language,
        keeps_language: bool,
        number: Option<Number>,
        now: Instant,
    ) -> Self {
        let world = shared.world();
        let kept_language = keeps_language.then_some(language);
        let to = number.as_ref().map(Number::as_str);
        let mut arrived = Vec::new();
        let mut pending = Vec::new();
        for message in newest_messages(&world.history, to).take(MAX_ON_PAGE) {
            match message.arrived_at(now) {
                Some(at) => {
                    let shown = MessageView::new(message, language, at, now);
                    arrived.push(((at, message.sequence), shown));
                }
                None => pending.push(MessageView::new(message, language, message.accepted_at, now)),
            }
        }
        arrived.sort_by_key(|(order, _)| *order);
        Self {
            words: language.words(),
            selected: to.map(str::to_owned),
            shown_number: number
                .map_or_else(|| language.words().all_numbers.to_owned(), |number| number.grouped()),
            all_url: address(None, kept_language),
            self_url: address(number.as_ref(), kept_language),
            tabs: tabs(&world, number, kept_language),
            arrived: arrived.into_iter().map(|(_, shown)| shown).collect(),
            pending,
            modes: modes(language, world.delivery.mode),
            faults: language.faults(world.faults.len()),
            manual: shared.clock.is_manual(),
            now: now.iso().to_string(),
            clock_face: now.clock_face(),
            total: world.history.len(),
        }
    }
}

/// Returns the address of the page for a number and a language.
fn address(number: Option<&Number>, language: Option<Language>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::from("/?"));
    if let Some(number) = number {
        query.append_pair("to", number.as_str());
    }
    if let Some(language) = language {
        query.append_pair("lang", language.code());
    }
    let address = query.finish();
    if address == "/?" { "/".to_owned() } else { address.replacen("/?&", "/?", 1) }
}

/// Makes the tabs of the numbers with the newest messages, and of the selected number.
fn tabs(world: &World, selected: Option<Number>, language: Option<Language>) -> Vec<Tab> {
    let mut counts: Vec<(Number, usize)> = Vec::new();
    for message in newest_messages(&world.history, None) {
        match counts.iter().position(|(number, _)| *number == message.request.to) {
            Some(position) => counts[position].1 += 1,
            None if counts.len() < MAX_TABS => counts.push((message.request.to, 1)),
            None => {}
        }
    }
    if let Some(number) = selected
        && !counts.iter().any(|(known, _)| *known == number)
    {
        counts.push((number, 0));
    }
    let tab = |(number, count): (Number, usize)| Tab {
        number: number.as_str().to_owned(),
        shown: number.grouped(),
        count,
        url: address(Some(&number), language),
        current: selected == Some(number),
    };
    counts.into_iter().map(tab).collect()
}

fn modes(language: Language, current: DeliveryMode) -> Vec<Mode> {
    let mode = |(value, mode)| {
        let (name, what) = language.mode(mode);
        Mode { value, name, what, pressed: mode == current }
    };
    super::actions::MODES.into_iter().map(mode).collect()
}

impl MessageView {
    fn new(message: &Message, language: Language, at: Instant, now: Instant) -> Self {
        let body = message.body();
        let (before, code, after) = split_at_code(body);
        let (state, tone) = language.state(message.stage(now));
        let (api, sender) = match message.request.owner.api {
            Api::Sms => ("sms", "Karaden SMS API"),
            Api::Push => ("push", "空電プッシュ"),
        };
        Self {
            id: public_id(message),
            to: message.request.to.as_str().to_owned(),
            grouped: message.request.to.grouped(),
            api,
            sender,
            at: at.iso().to_string(),
            time: at.clock_face(),
            before: before.to_owned(),
            code: code.map(str::to_owned),
            after: after.to_owned(),
            state,
            tone,
            length: language.length(utf16_units(body), message.parts()),
            carrier: message.carrier.display_name(),
            open: message.is_open(now),
        }
    }
}

/// Splits `text` at its code: the first run of four to ten digits.
fn split_at_code(text: &str) -> (&str, Option<&str>, &str) {
    let mut from = 0;
    while let Some(start) = text[from..].find(|c: char| c.is_ascii_digit()).map(|at| from + at) {
        let end = text[start..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(text.len(), |length| start + length);
        if (4..=10).contains(&(end - start)) {
            return (&text[..start], Some(&text[start..end]), &text[end..]);
        }
        from = end;
    }
    (text, None, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_of_four_to_ten_digits_is_the_code() {
        assert_eq!(split_at_code("コード 123456（5分）"), ("コード ", Some("123456"), "（5分）"));
        assert_eq!(split_at_code("5分 1234"), ("5分 ", Some("1234"), ""));
        assert_eq!(split_at_code("12345678901"), ("12345678901", None, ""));
        assert_eq!(split_at_code("なし"), ("なし", None, ""));
    }

    #[test]
    fn an_address_has_only_the_given_parameters() {
        let number = Number::parse("09012345678");
        assert_eq!(address(None, None), "/");
        assert_eq!(address(number.as_ref(), None), "/?to=09012345678");
        assert_eq!(address(number.as_ref(), Some(Language::En)), "/?to=09012345678&lang=en");
        assert_eq!(address(None, Some(Language::Ja)), "/?lang=ja");
    }
}
