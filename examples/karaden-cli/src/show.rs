//! Prints messages, as text or JSON.

use std::time::SystemTime;

use jiff::{Timestamp, tz::Offset};
use karaden_client::{push, sms};
use serde_json::{Value, json};

/// How messages are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show {
    pub(crate) json: bool,
    pub(crate) reveal: bool,
}

impl Show {
    /// Prints one line: `json` or `human`.
    #[expect(clippy::print_stdout, reason = "a command-line tool prints its results")]
    pub(crate) fn line(self, json: &Value, human: &str) {
        if self.json {
            println!("{json}");
        } else {
            println!("{human}");
        }
    }

    /// Prints a message of the SMS API.
    pub(crate) fn message(self, message: &sms::Message) {
        let word = |word: Option<&str>| word.unwrap_or("-").to_owned();
        let status = word(message.status.as_ref().map(sms::Status::as_str));
        let sent = word(message.sent_result.as_ref().map(sms::SentResult::as_str));
        let carrier = word(message.carrier.as_ref().map(sms::Carrier::as_str));
        let to = message.to.as_deref().map_or_else(|| "-".to_owned(), |to| self.number(to));
        let at = message.created_at.map_or_else(|| "-".to_owned(), local);
        let id = message.id.as_str();
        let json = json!({
            "id": id, "to": to, "status": status, "sent_result": sent, "carrier": carrier,
            "created_at": message.created_at.map(local), "tags": message.tags,
            "charged_count_per_sent": message.charged_count_per_sent,
        });
        self.line(&json, &format!("{id}  {at}  {to}  {status:<10} {sent:<11} {carrier}"));
    }

    /// Prints the state of a message of 空電プッシュ.
    pub(crate) fn report(self, id: &str, report: &push::MessageReport) {
        let message = report.message_status.as_ref().map_or("-".into(), |s| format!("{s:?}"));
        let result = report.result_status.as_ref().map_or("-".into(), |s| format!("{s:?}"));
        let carrier = report.carrier.as_ref().map_or("-".into(), |c| format!("{c:?}"));
        let json = json!({
            "id": id, "message_status": message, "result_status": result, "carrier": carrier,
            "sent_at": report.sent_at.map(local), "clicks": report.clicks,
        });
        self.line(&json, &format!("{id}  {message:<10} {result:<11} {carrier}"));
    }

    fn number(self, number: &str) -> String {
        if self.reveal {
            return number.to_owned();
        }
        let tail = number.len().checked_sub(4).and_then(|at| number.get(at..)).unwrap_or("");
        format!("*******{tail}")
    }
}

/// Formats an instant in Japan's time zone.
fn local(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(
        |_| "-".to_owned(),
        |at| {
            let zone = Offset::constant(9).to_time_zone();
            at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S+09:00").to_string()
        },
    )
}
