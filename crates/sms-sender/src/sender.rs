//! The port that a provider implements.
//!
//! ```text
//!              ┌─ Ok(Accepted)        the provider has the message: wait for it to arrive
//!  send(sms) ──┼─ Ok(Refused)         not sent, and sending again does not help
//!              ├─ Err(not sent)       not sent, and sending later may help
//!              └─ Err(unknown) ─┐     it may be on its way: never send it again
//!                               └─ look_up(reference): Present or Absent
//! ```

use std::{fmt, time::SystemTime};

use async_trait::async_trait;
use otp_core::message::TextLimit;

use crate::{
    message::{OutgoingSms, Reference},
    outcome::{LookUp, LookUpError, SmsError, SmsOutcome},
};

/// Sends text messages through one provider.
///
/// [Write a sender](https://github.com/sms-otp-mfa/sms-otp-mfa/blob/main/docs/write-a-sender.md)
/// shows how, step by step.
///
/// # Contract
///
/// [`sender_kit`](crate::sender_kit) has one check for each clause.
///
/// 1. **One message.** [`send`](Self::send) causes at most one message. Once a request may have taken effect,
///    `send` does not make another one.
/// 2. **Accepted.** [`SmsOutcome::Accepted`] means that the provider confirmed that it has the message.
/// 3. **In doubt, unknown.** After *refused*, *rate limited* or *not sent*, it is certain that the message was
///    not sent. In all other cases the error is *unknown*: also after a response that the implementation does not
///    know, such as HTTP 500. If the provider limits the rate, the error [says so](SmsError::is_rate_limited).
/// 4. **Bounded.** Both calls end within a time limit of the implementation, whatever the provider does, and
///    however many calls there are at the same time.
/// 5. **On time.** A message [whose deadline has passed](OutgoingSms::is_past_deadline) is not sent.
/// 6. **Found again.** [`look_up`](Self::look_up) finds a message that the provider has by its reference, also
///    if the response to `send` was lost. It returns [`LookUp::Absent`] only if the provider says that it has
///    no such message, never because there is no response. If the provider keeps no record, every look-up is an
///    error.
/// 7. **Silent.** Neither the number nor the text nor a credential appears in logs, errors or `Debug`.
/// 8. **Says its limit.** A text that [fits](OutgoingSms::fits) the [`text_limit`](Self::text_limit) is never
///    refused for its length or its characters. Another one is refused, and the provider does not see it. The
///    limit does not change.
/// 9. **Unchanged.** The provider gets the whole text, character by character, and the number.
///
/// # Cancel safety
///
/// A `send` that is dropped may have sent the message: treat it as *unknown*.
#[async_trait]
pub trait SmsSender: fmt::Debug + Send + Sync + 'static {
    /// Returns how long a text may be, and which characters it may contain. Whoever writes the texts checks them
    /// against it when the program starts.
    ///
    /// A part is what the provider bills as one message.
    fn text_limit(&self) -> TextLimit;

    /// Whether the provider sends nothing to a number that was reassigned since
    /// [`OutgoingSms::phone_since`]. Default: no.
    fn checks_number_history(&self) -> bool {
        false
    }

    /// Hands one message to the provider.
    ///
    /// # Errors
    ///
    /// If [`SmsError::is_not_sent`] is true, the message may be sent again. Otherwise it may be on its way.
    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError>;

    /// Asks the provider for the message with this `reference`, sent at about `sent_at`.
    ///
    /// # Errors
    ///
    /// [`LookUpError`] if the provider did not say whether it has the message.
    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError>;
}

const _: fn(&dyn SmsSender) = |_| {};
