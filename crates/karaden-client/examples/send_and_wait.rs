//! Sends an SMS, handles each outcome, and waits until the SMS has arrived.
//!
//! ```text
//! cargo run -p karaden-client --example send_and_wait
//! ```
//!
//! `karaden-sim` takes Karaden's place. No SMS is sent.
#![expect(clippy::print_stdout, reason = "the program shows what happens")]
#![expect(clippy::disallowed_methods, reason = "a program reads the clock")]

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use karaden_client::{
    Options, PollPolicy, Recipient, Resolution, ResolvePolicy, RetryPolicy, SendError, SendOutcome,
    Waited, sms,
};
use karaden_sim::{Fault, FaultMode, Sim, SimConfig};

/// Sends a message. If the outcome is unknown, looks the message up.
async fn send(client: &sms::Client, message: sms::NewMessage) -> sms::Resolution {
    match client.send(message).await {
        // Store the id, and the tag, together with what the message is about.
        Ok(SendOutcome::Accepted(message)) => Resolution::Accepted(message),
        // Karaden did not send the message. Correct what the reason names. If the account is the problem, every
        // message is refused: stop sending, and tell the operator.
        Ok(SendOutcome::Refused(refusal)) => {
            let whose = if refusal.reason().is_account_problem() { "account" } else { "message" };
            println!("refused because of the {whose}: {}", refusal.reason().as_str());
            Resolution::NotSent(refusal.into_message())
        }
        // No request had an effect. The client has already retried. Send the message again later, or another way.
        Err(SendError::NotSent(not_sent)) => {
            println!("not sent: {}", not_sent.error());
            Resolution::NotSent(not_sent.into_message())
        }
        // The message may have been sent. Only a look-up by its tag tells.
        Err(SendError::Unknown(unknown)) => {
            println!("unknown: {}", unknown.error());
            // Short for this example. Use the default: a request can arrive after the client gave it up.
            let policy = ResolvePolicy::default()
                .with_absence_window(Duration::from_millis(200))
                .with_intervals(Duration::from_millis(100), Duration::from_millis(100));
            unknown.resolve(client, &policy, SystemTime::now()).await
        }
    }
}

/// Builds a one-time code's message. Karaden does not send it after the code has expired.
fn message(to: &str) -> Result<sms::NewMessage, karaden_client::Invalid> {
    let now = SystemTime::now();
    sms::NewMessage::new(Recipient::new(to)?, "認証コード 123456")?
        .with_limited_at(now + Duration::from_secs(300), now)
}

fn client(base_url: String) -> Result<sms::Client, karaden_client::Error> {
    // In your program: `sms::ClientBuilder::from_env()?.build()`.
    let tenant = "159bfd33-b9b7-f424-4755-c119b324591d";
    sms::Client::builder(tenant, "demo-token", sms::ServiceId::new(1)?)
        .with_base_url(base_url)
        .with_options(Options::default().with_retry(RetryPolicy::once()))
        .build()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sim = Sim::start(SimConfig::default()).await?;
    let karaden = client(sim.sms_url())?;

    // Accepted. Then wait for the handset: `Ok(Waited::TimedOut(_))` means that the state is not final yet.
    let Resolution::Accepted(accepted) = send(&karaden, message("090-1234-5678")?).await else {
        return Err("the message was not accepted".into());
    };
    let policy = PollPolicy::default().with_initial_delay(Duration::ZERO);
    match karaden.wait_for_delivery(&accepted.id, &policy, SystemTime::now()).await? {
        Waited::Final(message) if message.is_received() => println!("arrived"),
        waited => return Err(format!("did not arrive: {:?}", waited.into_inner()).into()),
    }
    assert_eq!(sim.inbox(Some("09012345678"))[0].body, "認証コード 123456");

    // Refused: the simulator refuses this number.
    let refused = send(&karaden, message("090-0000-0010")?).await;
    assert!(matches!(refused, Resolution::NotSent(_)), "{refused:?}");

    // Not sent: nothing listens at this address.
    let gone = Sim::start(SimConfig::default()).await?;
    let nowhere = client(gone.sms_url())?;
    gone.shutdown().await;
    let Resolution::NotSent(unsent) = send(&nowhere, message("080-1111-2222")?).await else {
        return Err("nothing could accept this message".into());
    };
    // It came back, so it can be sent again.
    let again = send(&karaden, unsent).await;
    assert!(matches!(again, Resolution::Accepted(_)), "{again:?}");

    // Unknown: the connection breaks after Karaden took the message. The look-up finds it.
    sim.set_faults(vec![Fault::new(FaultMode::AcceptThenDrop).times(1)]);
    let found = send(&karaden, message("080-3333-4444")?).await;
    assert!(matches!(found, Resolution::Accepted(_)), "{found:?}");
    assert_eq!(sim.inbox(Some("08033334444")).len(), 1);

    // Unknown: the connection breaks before that. The look-up does not find the message, which comes back.
    sim.set_faults(vec![Fault::new(FaultMode::Drop).times(1)]);
    let absent = send(&karaden, message("080-5555-6666")?).await;
    assert!(matches!(absent, Resolution::NotSent(_)), "{absent:?}");
    assert!(sim.messages(Some("08055556666")).is_empty());

    sim.shutdown().await;
    println!("each message arrived once or not at all, and the program knows which");
    Ok(())
}
