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
/// # Contract
///
/// 1. **One message.** [`send`](Self::send) causes at most one message. It does not retry once the message
///    may have left.
/// 2. **In doubt, unknown.** Unless it is certain that the message was not sent, the error is of the kind
///    *unknown*.
/// 3. **Bounded.** Both calls end within a time limit of the implementation, whatever the provider does.
/// 4. **Silent.** Neither the number nor the text appears in logs, errors or `Debug`.
/// 5. **Says its limit.** A text within [`text_limit`](Self::text_limit) is never refused for its length or its
///    characters. The limit does not change.
///
/// # Cancel safety
///
/// A `send` that is dropped may have sent the message: treat it as *unknown*.
#[async_trait]
pub trait SmsSender: fmt::Debug + Send + Sync + 'static {
    /// Returns how long a text may be, and which characters it may contain. Whoever writes the texts checks them
    /// against it when the program starts.
    fn text_limit(&self) -> TextLimit;

    /// Hands one message to the provider.
    ///
    /// # Errors
    ///
    /// [`SmsError::is_not_sent`] tells the two kinds apart: if it is true, the message may be sent again.
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
