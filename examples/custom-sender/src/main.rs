//! A custom sender with Karaden as the fallback: a message that the first sender did not send goes to Karaden.
//!
//! ```text
//! cargo run -p custom-sender
//! ```
//!
//! `karaden-sim` takes Karaden's place. No SMS is sent.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use karaden_client::sms;
use karaden_sim::{Sim, SimConfig};
use otp_core::{ChallengeId, PhoneNumber};
use sms_otp_plugin::KaradenSmsSender;
use sms_sender::{
    BreakerSettings, CircuitBreaker, FailoverSender, LookUp, LookUpError, OutgoingSms, Reference,
    SmsAccepted, SmsError, SmsOutcome, SmsSender, TextLimit,
};

/// A modem with its own interface, as an example of another provider.
#[derive(Debug, Default)]
struct Modem {
    has_signal: AtomicBool,
}

#[async_trait]
impl SmsSender for Modem {
    /// One message of the mobile network.
    fn text_limit(&self) -> TextLimit {
        TextLimit::new(70, 1)
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        if !self.has_signal.load(SeqCst) {
            // The modem sent nothing, so another sender may send the message.
            return Err(SmsError::not_sent("the modem has no signal"));
        }
        // A real modem gets `sms.to().as_e164()` and `sms.expose_text()` here. If it stops responding
        // after that, return `SmsError::unknown`: then no other sender sends the message again.
        Ok(SmsOutcome::Accepted(SmsAccepted::new(format!("modem-{}", sms.reference().as_str()))))
    }

    async fn look_up(&self, _: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        // A modem keeps no record. `LookUp::Absent` would claim that the message was not sent.
        Err(LookUpError::new("the modem keeps no list"))
    }
}

fn message(nth: u8, now: SystemTime) -> Result<OutgoingSms, Box<dyn Error>> {
    let to = PhoneNumber::from_japanese("090-1234-5678")?;
    let reference = Reference::new(ChallengeId::from_bytes([7; 16]), nth);
    let text = "みどり銀行 認証コード 123456\n他人に教えないでください".to_owned();
    Ok(OutgoingSms::new(to, text, reference, now).with_deadline(now + Duration::from_secs(290)))
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example prints what it does")]
#[expect(
    clippy::disallowed_methods,
    reason = "a program reads the clock; libraries get it as an argument"
)]
async fn main() -> Result<(), Box<dyn Error>> {
    // One crypto provider for the process. An error means that it is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let sim = Sim::start(SimConfig::default()).await?;
    let tenant = "159bfd33-b9b7-f424-4755-c119b324591d";
    let karaden = sms::Client::builder(tenant, "demo-token", sms::ServiceId::new(1)?)
        .with_base_url(format!("{}/api", sim.url()))
        .build()?;
    let karaden =
        CircuitBreaker::new(Arc::new(KaradenSmsSender::new(karaden)), BreakerSettings::default())?;
    let modem = Arc::new(Modem::default());
    let sender = FailoverSender::new(Arc::clone(&modem) as Arc<dyn SmsSender>)
        .with_fallback(Arc::new(karaden));

    for (nth, has_signal) in [(0, true), (1, false)] {
        modem.has_signal.store(has_signal, SeqCst);
        let sms = message(nth, SystemTime::now())?;
        match sender.send(&sms).await? {
            SmsOutcome::Accepted(accepted) => {
                println!("signal {has_signal}: accepted as {}", accepted.id.unwrap_or_default());
            }
            SmsOutcome::Refused(reason) => return Err(reason.as_str().into()),
        }
    }
    let at_karaden = sim.inbox(None).len();
    println!("{at_karaden} message went through Karaden");
    sim.shutdown().await;
    if at_karaden == 1 { Ok(()) } else { Err("exactly one message should go to Karaden".into()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn example_succeeds() {
        super::main().unwrap();
    }
}
