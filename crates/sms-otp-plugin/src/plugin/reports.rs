//! Delivery reports that the provider sends.

use std::{sync::Arc, time::SystemTime};

use mfa_plugin_api::{PluginError, Services};
use otp_cache::{ChallengeStore, DeliveryNote, DeliveryNotes};
use otp_core::{Challenge, DeliveryStatus};

use super::{
    call::{notify, service},
    delivery::last_reference,
    notes::note_key,
};
use crate::{config::SmsOtpConfig, report::Reported, store_failed::store_failed, trace};

/// Finds the challenge of the message with `reference`, records `status` and notifies.
pub(super) async fn record_report(
    config: &SmsOtpConfig,
    services: &Services,
    reference: &str,
    status: DeliveryStatus,
    now: SystemTime,
) -> Result<Reported, PluginError> {
    let store = service::<dyn ChallengeStore>(services, "a challenge store")?;
    let notes = service::<dyn DeliveryNotes>(services, "delivery notes")?;
    let found = notes.find(note_key(reference), now).await;
    let Some(note) = found.map_err(|error| store_failed("finding a delivery note", error))? else {
        return Ok(Reported::Unknown);
    };
    if status == DeliveryStatus::ChangedHands {
        trace::warn("a number changed hands: its code is worthless now");
    }
    if status == DeliveryStatus::Pending || !is_news(store, &note, reference, status, now).await? {
        return Ok(Reported::NothingNew);
    }
    store
        .record_delivery(note.subject, note.challenge, status, config.policy(), now)
        .await
        .map_err(|error| store_failed("recording a delivery", error))?;
    notify(services.find(), note.subject).await;
    Ok(Reported::Recorded)
}

async fn is_news(
    store: &Arc<dyn ChallengeStore>,
    note: &DeliveryNote,
    reference: &str,
    status: DeliveryStatus,
    now: SystemTime,
) -> Result<bool, PluginError> {
    let challenge = store.load(note.subject, note.challenge, now).await;
    let challenge = challenge.map_err(|error| store_failed("loading a challenge", error))?;
    Ok(challenge.is_some_and(|challenge| {
        let is_known = challenge.delivery() == status;
        !is_known && (!status.is_undelivered() || is_latest(&challenge, reference))
    }))
}

/// Whether no later message carries the same code.
fn is_latest(challenge: &Challenge, reference: &str) -> bool {
    last_reference(challenge).as_str() == reference
}
