//! One check for each clause of the contract. A check reports breaches of its own clause only.

use std::{error::Error as StdError, time::Duration};

use otp_core::ChallengeId;
use tokio::time::timeout;

use super::candidate::{Breach, Candidate, ProviderMode};
use crate::{
    message::{OutgoingSms, Reference},
    outcome::{LookUp, SmsError, SmsOutcome},
};

/// The text of a message. It has a code that no other output can contain by chance.
const TEXT: &str = "code 83920175\n@auth.example.jp #83920175";
const CODE: &str = "83920175";

type Sent = Result<SmsOutcome, SmsError>;

/// Clause 1.
pub(super) async fn one_message(candidate: &dyn Candidate) -> Result<(), Breach> {
    for (nth, mode) in modes(candidate) {
        candidate.set_mode(mode);
        let before = (candidate.requests(), candidate.messages());
        send(candidate, &message(candidate, nth)).await;
        let messages = candidate.messages() - before.1;
        ensure(1, messages <= 1, || format!("{mode:?}: one call caused {messages} messages"))?;
        if matches!(mode, ProviderMode::Losing | ProviderMode::Stalling) {
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
    Ok(())
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
    let never_sent = look_up(&message(candidate, u8::MAX)).await;
    ensure(6, !matches!(never_sent, Some(Ok(LookUp::Present(_)))), || {
        format!("a message that was never sent: {never_sent:?}")
    })?;
    if !candidate.keeps_record() {
        return ensure(6, !matches!(never_sent, Some(Ok(LookUp::Absent))), || {
            "absent, although there is no record".to_owned()
        });
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
    let units = limit.part_units() * limit.max_parts();
    ensure(8, units > 0, || "no text fits".to_owned())?;
    candidate.set_mode(ProviderMode::Accepting);
    if candidate.modes().contains(&ProviderMode::Accepting) {
        let longest = with_text(candidate, 0, "あ".repeat(units));
        let sent = send(candidate, &longest).await;
        ensure(8, matches!(sent, Some(Ok(SmsOutcome::Accepted(_)))), || {
            format!("a text of {units} units is within the limit, and send returned {sent:?}")
        })?;
        let before = candidate.requests();
        let mut refused = vec!["あ".repeat(units + 1)];
        if limit.is_basic_plane_only() {
            refused.push("𠮷".to_owned());
        }
        for (nth, text) in (1..).zip(refused) {
            let sent = send(candidate, &with_text(candidate, nth, text)).await;
            let is_refused = matches!(sent, Some(Ok(SmsOutcome::Refused(_))));
            ensure(8, is_refused && candidate.requests() == before, || {
                format!("a text beyond the limit: {sent:?}")
            })?;
        }
    }
    ensure(8, candidate.sender().text_limit() == limit, || "the limit has changed".to_owned())
}

/// Returns the modes of the provider, each with a number for its message.
fn modes(candidate: &dyn Candidate) -> impl Iterator<Item = (u8, ProviderMode)> {
    (0_u8..).zip(candidate.modes().iter().copied())
}

fn message(candidate: &dyn Candidate, nth: u8) -> OutgoingSms {
    with_text(candidate, nth, TEXT.to_owned())
}

fn with_text(candidate: &dyn Candidate, nth: u8, text: String) -> OutgoingSms {
    let reference = Reference::new(ChallengeId::from_bytes([0x5a; 16]), nth);
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
