//! Sending one text message: the port that providers implement.
//!
//! ```text
//!              ┌─ Ok(Accepted)        the provider has it: wait for it to arrive
//!  send(sms) ──┼─ Ok(Refused)         surely not sent, and asking again will not help
//!              ├─ Err(not sent)       surely not sent, and asking later may help
//!              └─ Err(unknown) ─┐     it may be on its way: never send it again
//!                               └─ look_up(reference): Present or Absent
//! ```

use std::{fmt, time::SystemTime};

use async_trait::async_trait;

use crate::{
    message::{OutgoingSms, Reference},
    outcome::{LookUp, LookUpError, SendError, SendOutcome},
};

/// Sends text messages through one provider.
///
/// # Contract
///
/// 1. [`send`](Self::send) makes at most one message, ever. It does not try again by itself once the
///    message may have left.
/// 2. Whenever it is not certain that nothing was sent, the answer is an error of kind *unknown*.
/// 3. Both calls end within a bound of their own, whatever the provider does.
/// 4. Neither number nor text appears in logs, errors or `Debug`.
///
/// # Cancel safety
///
/// A dropped `send` may have sent: treat it as *unknown*.
#[async_trait]
pub trait SmsSender: fmt::Debug + Send + Sync + 'static {
    /// Hands one message to the provider.
    ///
    /// # Errors
    ///
    /// [`SendError::is_not_sent`] tells the two kinds apart: only then may it be sent again.
    async fn send(&self, sms: &OutgoingSms) -> Result<SendOutcome, SendError>;

    /// Asks what became of the message with this `reference`, sent at about `sent_at`.
    ///
    /// # Errors
    ///
    /// [`LookUpError`] if the provider did not tell.
    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError>;
}

const _: fn(&dyn SmsSender) = |_| {};
