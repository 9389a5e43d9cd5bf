//! The contract of senders, checked by the kit of sms-sender against the simulator.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use karaden_client::{Options, RetryPolicy, push, sms};
use karaden_sim::{Fault, FaultMode, Operation, Sim, SimConfig};
use sms_otp_plugin::{KaradenPushSender, KaradenSmsSender};
use sms_sender::{
    SmsSender,
    sender_kit::{Candidate, ProviderMode, check_contract},
};

const TIMEOUT: Duration = Duration::from_millis(1500);

/// A sender and the simulator that it sends to. Faults are about sending only, so that look-ups work.
#[derive(Debug)]
struct Simulated {
    sender: Arc<dyn SmsSender>,
    sim: Sim,
    sending: Operation,
}

fn options() -> Options {
    Options::default().with_total_timeout(TIMEOUT).with_retry(RetryPolicy::once())
}

impl Simulated {
    async fn sms() -> Self {
        let sim = Sim::start(SimConfig::default()).await.unwrap();
        let service = sms::ServiceId::new(1).unwrap();
        let tenant = "159bfd33-b9b7-f424-4755-c119b324591d";
        let client = sms::Client::builder(tenant, "demo-token", service)
            .with_base_url(format!("{}/api", sim.url()))
            .with_options(options())
            .build();
        let sender = Arc::new(KaradenSmsSender::new(client.unwrap()));
        Self { sender, sim, sending: Operation::Send }
    }

    async fn push() -> Self {
        let sim = Sim::start(SimConfig::default()).await.unwrap();
        let account = push::Credentials::new()
            .with_base_url(format!("{}/v2/", sim.url()))
            .with_token("demo-push")
            .with_security_code("demo-code");
        let client = push::Client::builder(account)
            .with_options(options())
            .with_tracked_single_messages()
            .build();
        let sender = Arc::new(KaradenPushSender::new(client.unwrap()));
        Self { sender, sim, sending: Operation::Queue }
    }
}

impl Candidate for Simulated {
    fn sender(&self) -> &dyn SmsSender {
        &*self.sender
    }

    fn modes(&self) -> &[ProviderMode] {
        // The simulator cannot be down. `no_connection_is_not_sent_and_a_lost_answer_is_unknown` is.
        &[
            ProviderMode::Accepting,
            ProviderMode::Losing,
            ProviderMode::RateLimiting,
            ProviderMode::Refusing,
            ProviderMode::Stalling,
        ]
    }

    fn set_mode(&self, mode: ProviderMode) {
        let fault = match mode {
            ProviderMode::Losing => FaultMode::AcceptThenDrop,
            ProviderMode::RateLimiting => FaultMode::Status(429),
            ProviderMode::Refusing => FaultMode::Status(401),
            ProviderMode::Stalling => FaultMode::AcceptThenTimeout,
            _ => FaultMode::None,
        };
        let mut fault = Fault::new(fault);
        fault.operation = Some(self.sending);
        self.sim.set_faults(vec![fault]);
    }

    /// Each request that is not refused is a message of its own.
    fn requests(&self) -> usize {
        self.messages()
    }

    fn messages(&self) -> usize {
        self.sim.inbox(None).len()
    }

    #[expect(clippy::disallowed_methods, reason = "the simulator's clock is the machine's here")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn time_limit(&self) -> Duration {
        2 * TIMEOUT
    }

    fn secrets(&self) -> Vec<String> {
        ["demo-token", "demo-push", "demo-code"].map(str::to_owned).to_vec()
    }
}

#[tokio::test]
async fn the_sms_sender_keeps_the_contract() {
    check_contract(Simulated::sms).await;
}

#[tokio::test]
async fn the_push_sender_keeps_the_contract() {
    check_contract(Simulated::push).await;
}
