//! One check for each clause of the contract. A check reports breaches of its own clause only.

use std::{
    error::Error as StdError,
    future::{Future, poll_fn},
    task::Poll,
    time::Duration,
};

use otp_core::{ChallengeId, message::TextLimit};
use tokio::time::timeout;

use super::candidate::{Breach, Candidate, ProviderMode};
use crate::{
    message::{OutgoingSms, Reference},
    outcome::{LookUp, SmsError, SmsOutcome},
};

/// The text of a message. It has a code that no other output can contain by chance.
const TEXT: &str = "code 83920175\n@auth.example.jp #83920175";
const CODE: &str = "83920175";
/// A text with what the encodings of a request treat specially, and with a mark that belongs to a letter.
const SPECIAL_TEXT: &str = "100% + 1 & 2 = <3>  \"4\" '5' \\6 {7} #8;\nか\u{3099}あé〜ｱ";
/// A text with white space at both ends.
const SPACED_TEXT: &str = " code 83920175\n@auth.example.jp #83920175 \n";
/// How many calls run at the same time.
const PARALLEL_CALLS: u32 = 20;
/// A text is not made longer than this, whatever the limit.
const MAX_UNITS: usize = 10_000;

type Sent = Result<SmsOutcome, SmsError>;

/// Clause 1.
pub(super) async fn one_message(candidate: &dyn Candidate) -> Result<(), Breach> {
    for (nth, mode) in modes(candidate) {
        candidate.set_mode(mode);
        let before = (candidate.requests(), candidate.messages());
        send(candidate, &message(candidate, nth)).await;
        let messages = candidate.messages() - before.1;
        ensure(1, messages <= 1, || format!("{mode:?}: one call caused {messages} messages"))?;
        if takes_without_confirming(mode) {
            let requests = candidate.requests() - before.0;
            ensure(1, requests <= 1, || {
                format!("{mode:?}: {requests} requests, although the first may have taken effect")
            })?;
        }
    }
    Ok(())
}

/// Clause 2.
pub(super) async fn accepted(candidate: &dyn Candidate) -> Result<(), Breach> {
    for (nth, mode) in modes(candidate) {
        candidate.set_mode(mode);
        let before = candidate.messages();
        let sent = send(candidate, &message(candidate, nth)).await;
        let is_accepted = matches!(sent, Some(Ok(SmsOutcome::Accepted(_))));
        let is_taken = candidate.messages() > before;
        if mode == ProviderMode::Accepting {
            ensure(2, is_accepted && is_taken, || {
                format!("the provider takes messages, and send returned {sent:?}")
            })?;
        } else {
            ensure(2, !is_accepted, || format!("{mode:?}: accepted, but nothing was confirmed"))?;
        }
    }
    Ok(())
}

/// Clause 3.
pub(super) async fn in_doubt_unknown(candidate: &dyn Candidate) -> Result<(), Breach> {
    for (nth, mode) in modes(candidate) {
        candidate.set_mode(mode);
        let before = candidate.messages();
        let sent = send(candidate, &message(candidate, nth)).await;
        let is_certain = match &sent {
            Some(Ok(SmsOutcome::Refused(_))) => true,
            Some(Err(error)) => error.is_not_sent(),
            Some(Ok(SmsOutcome::Accepted(_))) | None => false,
        };
        let is_taken = candidate.messages() > before;
        ensure(3, !(is_certain && is_taken), || {
            format!("{mode:?}: {sent:?}, although the provider has the message")
        })?;
        let is_rate_limited = match &sent {
            Some(Ok(SmsOutcome::Refused(_))) => false,
            Some(Err(error)) => error.is_rate_limited(),
            // Not about this clause.
            Some(Ok(SmsOutcome::Accepted(_))) | None => true,
        };
        ensure(3, is_rate_limited || mode != ProviderMode::RateLimiting, || {
            format!("{mode:?}: {sent:?} does not say so")
        })?;
    }
    Ok(())
}

/// Clause 4.
pub(super) async fn bounded(candidate: &dyn Candidate) -> Result<(), Breach> {
    for (nth, mode) in modes(candidate) {
        candidate.set_mode(mode);
        let sms = message(candidate, nth);
        let sent = send(candidate, &sms).await;
        ensure(4, sent.is_some(), || format!("{mode:?}: send did not end in time"))?;
        let found = candidate.sender().look_up(sms.reference(), sms.now());
        let found = timeout(candidate.time_limit(), found).await;
        ensure(4, found.is_ok(), || format!("{mode:?}: look_up did not end in time"))?;
    }
    if !has(candidate, ProviderMode::Stalling) {
        return Ok(());
    }
    candidate.set_mode(ProviderMode::Stalling);
    let messages: Vec<OutgoingSms> =
        (100..100 + PARALLEL_CALLS).map(|nth| message(candidate, nth)).collect();
    let sends = all(messages.iter().map(|sms| candidate.sender().send(sms)));
    let sent = timeout(candidate.time_limit(), sends).await;
    ensure(4, sent.is_ok(), || format!("{PARALLEL_CALLS} sends at once did not end in time"))?;
    let look_up = |sms: &OutgoingSms| {
        let (reference, now) = (sms.reference().clone(), sms.now());
        async move { candidate.sender().look_up(&reference, now).await }
    };
    let found = timeout(candidate.time_limit(), all(messages.iter().map(look_up))).await;
    ensure(4, found.is_ok(), || format!("{PARALLEL_CALLS} look-ups at once did not end in time"))
}

/// Ends when all `futures` have ended.
async fn all(futures: impl Iterator<Item: Future>) {
    let mut running: Vec<_> = futures.map(Box::pin).collect();
    poll_fn(|context| {
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Clause 5.
pub(super) async fn on_time(candidate: &dyn Candidate) -> Result<(), Breach> {
    for (nth, late) in [(0, Duration::ZERO), (1, Duration::from_secs(1))] {
        let before = candidate.requests();
        let now = candidate.now();
        let sms = message(candidate, nth).with_deadline(now.checked_sub(late).unwrap_or(now));
        let sent = send(candidate, &sms).await;
        let requests = candidate.requests() - before;
        ensure(5, requests == 0, || {
            format!("a message was sent {late:?} after its deadline: {sent:?}")
        })?;
    }
    Ok(())
}

/// Clause 6.
pub(super) async fn found_again(candidate: &dyn Candidate) -> Result<(), Breach> {
    let look_up = async |sms: &OutgoingSms| {
        let found = candidate.sender().look_up(sms.reference(), sms.now());
        timeout(candidate.time_limit(), found).await.ok()
    };
    let never_sent = look_up(&message(candidate, u32::MAX)).await;
    ensure(6, !matches!(never_sent, Some(Ok(LookUp::Present(_)))), || {
        format!("a message that was never sent: {never_sent:?}")
    })?;
    if !candidate.keeps_record() {
        for (_, mode) in modes(candidate) {
            candidate.set_mode(mode);
            let found = look_up(&message(candidate, u32::MAX)).await;
            ensure(6, !matches!(found, Some(Ok(LookUp::Absent))), || {
                format!("{mode:?}: absent, although there is no record")
            })?;
        }
        return Ok(());
    }
    for (nth, mode) in modes(candidate) {
        candidate.set_mode(mode);
        let before = candidate.messages();
        let sms = message(candidate, nth);
        send(candidate, &sms).await;
        let is_taken = candidate.messages() > before;
        candidate.set_mode(ProviderMode::Accepting);
        let found = look_up(&sms).await;
        let is_right = match found {
            Some(Ok(LookUp::Present(_))) => is_taken,
            Some(Ok(LookUp::Absent) | Err(_)) | None => !is_taken,
        };
        ensure(6, is_right, || {
            format!("{mode:?}: the provider has the message: {is_taken}; look_up: {found:?}")
        })?;
    }
    if !has(candidate, ProviderMode::Accepting) {
        return Ok(());
    }
    candidate.set_mode(ProviderMode::Accepting);
    let before = candidate.messages();
    let sms = message(candidate, 100);
    send(candidate, &sms).await;
    let is_taken = candidate.messages() > before;
    for (_, mode) in modes(candidate) {
        candidate.set_mode(mode);
        let found = look_up(&sms).await;
        ensure(6, !is_taken || !matches!(found, Some(Ok(LookUp::Absent))), || {
            format!("{mode:?}: absent, although the provider took the message before")
        })?;
    }
    Ok(())
}

/// Clause 7.
pub(super) async fn silent(candidate: &dyn Candidate) -> Result<(), Breach> {
    let to = candidate.recipient();
    // Without the country code, so that the national form is found too.
    let number = to.as_e164().get(3..).unwrap_or_default().to_owned();
    let secrets: Vec<String> =
        candidate.secrets().into_iter().chain([CODE.to_owned(), number]).collect();
    for (nth, mode) in modes(candidate) {
        candidate.set_mode(mode);
        let sms = message(candidate, nth);
        let sent = send(candidate, &sms).await;
        let found =
            timeout(candidate.time_limit(), candidate.sender().look_up(sms.reference(), sms.now()))
                .await
                .ok();
        let errors = [
            sent.as_ref().and_then(|sent| sent.as_ref().err()).map(|error| chain(error)),
            found.as_ref().and_then(|found| found.as_ref().err()).map(|error| chain(error)),
        ];
        let shown = format!("{sent:?} {found:?} {errors:?} {:?}", candidate.sender());
        ensure(7, !secrets.iter().any(|secret| shown.contains(secret)), || {
            format!("{mode:?}: the number, the text or a credential is shown")
        })?;
    }
    Ok(())
}

/// Clause 8.
pub(super) async fn says_its_limit(candidate: &dyn Candidate) -> Result<(), Breach> {
    let limit = candidate.sender().text_limit();
    ensure(8, limit.part_units() > 0 && limit.max_parts() > 0, || "no text fits".to_owned())?;
    if has(candidate, ProviderMode::Accepting) {
        candidate.set_mode(ProviderMode::Accepting);
        let mut beyond = vec!["a\tb".to_owned(), " \n".to_owned()];
        if limit.is_basic_plane_only() {
            beyond.push("𠮷".to_owned());
        }
        for (nth, (what, filling)) in (0..).zip(fillings(limit)) {
            let (longest, one_more) = filled(limit, filling);
            let sent = send(candidate, &with_text(candidate, nth, longest)).await;
            ensure(8, matches!(sent, Some(Ok(SmsOutcome::Accepted(_)))), || {
                format!("a text of {what} is within the limit, and send returned {sent:?}")
            })?;
            beyond.extend(one_more);
        }
        for (nth, text) in (100..).zip(beyond) {
            let before = candidate.requests();
            let shown = text.chars().last();
            let sent = send(candidate, &with_text(candidate, nth, text)).await;
            let is_refused = matches!(sent, Some(Ok(SmsOutcome::Refused(_))));
            ensure(8, is_refused && candidate.requests() == before, || {
                format!("a text beyond the limit, which ends in {shown:?}: {sent:?}")
            })?;
        }
    }
    ensure(8, candidate.sender().text_limit() == limit, || "the limit has changed".to_owned())
}

/// Returns the characters that count differently, as far as the limit allows them.
fn fillings(limit: TextLimit) -> impl Iterator<Item = (&'static str, char)> {
    let all = [("characters", 'あ'), ("line breaks", '\n'), ("surrogate pairs", '😀')];
    all.into_iter().filter(move |(_, c)| limit.excluded(&c.to_string()).is_none())
}

/// Returns the longest text of `filling` after one other character, and the same with one `filling` more. `None`
/// instead of the latter if the limit is beyond what is checked.
fn filled(limit: TextLimit, filling: char) -> (String, Option<String>) {
    let units = if filling == '\n' { limit.line_break() } else { filling.len_utf16() };
    let in_part = |room: usize| room.checked_div(units).unwrap_or(usize::MAX);
    let in_others = in_part(limit.part_units()).saturating_mul(limit.max_parts() - 1);
    let count = in_part(limit.part_units() - 1).saturating_add(in_others);
    let text = |count| format!("あ{}", String::from(filling).repeat(count));
    let max_count = MAX_UNITS / units.max(1);
    (text(count.min(max_count)), (count < max_count).then(|| text(count + 1)))
}

/// Clause 9.
pub(super) async fn unchanged(candidate: &dyn Candidate) -> Result<(), Breach> {
    if !has(candidate, ProviderMode::Accepting) {
        return Ok(());
    }
    candidate.set_mode(ProviderMode::Accepting);
    let limit = candidate.sender().text_limit();
    for (nth, text) in (0..).zip([TEXT, SPECIAL_TEXT, SPACED_TEXT, "認証コード 😀𠮷"]) {
        let sms = with_text(candidate, nth, text.to_owned());
        if !sms.fits(limit) {
            continue;
        }
        let before = candidate.messages();
        send(candidate, &sms).await;
        if candidate.messages() == before {
            continue;
        }
        let Some(taken) = candidate.last_message() else {
            return ensure(9, false, || "there is a message, and no last one".to_owned());
        };
        ensure(9, taken.to == *sms.to(), || "the message goes to another number".to_owned())?;
        ensure(9, taken.text == text, || format!("the provider has another text than {text:?}"))?;
    }
    Ok(())
}

/// Whether the provider takes a message in this mode, and the sender cannot know that.
fn takes_without_confirming(mode: ProviderMode) -> bool {
    match mode {
        ProviderMode::FailingAfterTaking
        | ProviderMode::Garbled
        | ProviderMode::Losing
        | ProviderMode::Stalling => true,
        ProviderMode::Accepting
        | ProviderMode::Down
        | ProviderMode::RateLimiting
        | ProviderMode::Refusing => false,
    }
}

fn has(candidate: &dyn Candidate, mode: ProviderMode) -> bool {
    candidate.modes().contains(&mode)
}

/// Returns the modes of the provider, each with a number for its message.
fn modes(candidate: &dyn Candidate) -> impl Iterator<Item = (u32, ProviderMode)> {
    (0..).zip(candidate.modes().iter().copied())
}

fn message(candidate: &dyn Candidate, nth: u32) -> OutgoingSms {
    with_text(candidate, nth, TEXT.to_owned())
}

/// Returns a message of `text`. Messages with different `nth` have different references.
fn with_text(candidate: &dyn Candidate, nth: u32, text: String) -> OutgoingSms {
    let mut id = [0x5a; 16];
    id[12..].copy_from_slice(&nth.to_be_bytes());
    let reference = Reference::new(ChallengeId::from_bytes(id), 0);
    let now = candidate.now();
    OutgoingSms::new(candidate.recipient(), text, reference, now)
        .with_deadline(now + Duration::from_secs(290))
}

/// Sends; `None` if that does not end within the sender's limit.
async fn send(candidate: &dyn Candidate, sms: &OutgoingSms) -> Option<Sent> {
    timeout(candidate.time_limit(), candidate.sender().send(sms)).await.ok()
}

/// Returns what a reporter prints of an error: itself and all its sources.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn ensure(clause: u8, holds: bool, what: impl FnOnce() -> String) -> Result<(), Breach> {
    if holds { Ok(()) } else { Err(Breach { clause, what: what() }) }
}
