//! The notes that lead from a delivery report back to its challenge.

use otp_cache::{DeliveryNote, NoteKey};
use otp_core::Challenge;
use sms_sender::Reference;

use super::call::Call;
use crate::trace;

/// Returns the key of the note about the message with this reference.
pub(super) fn note_key(reference: &str) -> NoteKey {
    NoteKey::derive("sms-otp-plugin/reference/1", reference)
}

impl Call<'_> {
    /// Keeps the note of a message that is about to be sent. If that fails, the message is sent anyway. Its
    /// delivery report then finds no note, and only look-ups show its status.
    pub(super) async fn keep_note(&self, challenge: &Challenge, reference: &Reference) {
        let Some(notes) = self.notes else { return };
        let note = DeliveryNote {
            subject: self.subject,
            challenge: challenge.id(),
            expires_at: challenge.expires_at(),
        };
        if let Err(error) = notes.keep(note_key(reference.as_str()), note, self.now()).await {
            trace::failed("a delivery report of this message will not be recognised", &error);
        }
    }
}
