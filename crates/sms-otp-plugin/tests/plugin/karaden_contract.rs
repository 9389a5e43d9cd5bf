//! The contract of senders, checked by the kit of sms-sender against the simulator.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use karaden_client::{
    Options, RetryPolicy, push, sms,
    transport::{
        Request, ReqwestTransport, Response, Transport, TransportError, TransportErrorKind,
    },
};
use karaden_sim::{Fault, FaultMode, Operation, Sim, SimConfig};
use otp_core::PhoneNumber;
use sms_otp_plugin::{KaradenPushSender, KaradenSmsSender};
use sms_sender::{
    SmsSender,
    sender_kit::{Candidate, ProviderMode, TakenSms, check_contract},
};

const TIMEOUT: Duration = Duration::from_millis(1500);

/// A sender and the simulator that it sends to.
#[derive(Debug)]
struct Simulated {
    sender: Arc<dyn SmsSender>,
    sim: Sim,
    sending: [Operation; 2],
    looking_up: Operation,
    mode: Arc<Mutex<ProviderMode>>,
}

/// Adds the modes that the simulator does not have: it cannot be down, and it fails before it takes a message.
#[derive(Debug)]
struct Failing {
    transport: ReqwestTransport,
    mode: Arc<Mutex<ProviderMode>>,
}

#[async_trait]
impl Transport for Failing {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        let mode = *self.mode.lock().unwrap();
        if mode == ProviderMode::Down {
            return Err(TransportError::new(TransportErrorKind::Connect));
        }
        let response = self.transport.execute(request).await?;
        Ok(match mode {
            ProviderMode::FailingAfterTaking => Response::new(500, "down"),
            _ => response,
        })
    }
}

fn failing() -> (Failing, Arc<Mutex<ProviderMode>>) {
    let mode = Arc::new(Mutex::new(ProviderMode::Accepting));
    let transport = ReqwestTransport::builder().build().unwrap();
    (Failing { transport, mode: Arc::clone(&mode) }, mode)
}

fn options() -> Options {
    Options::default().with_total_timeout(TIMEOUT).with_retry(RetryPolicy::once())
}

impl Simulated {
    async fn sms() -> Self {
        let sim = Sim::start(SimConfig::default()).await.unwrap();
        let service = sms::ServiceId::new(1).unwrap();
        let tenant = "159bfd33-b9b7-f424-4755-c119b324591d";
        let (transport, mode) = failing();
        let client = sms::Client::builder(tenant, "demo-token", service)
            .with_base_url(format!("{}/api", sim.url()))
            .with_options(options())
            .with_transport(transport)
            .build();
        let sender = Arc::new(KaradenSmsSender::new(client.unwrap()));
        let sending = [Operation::Send; 2];
        Self { sender, sim, sending, looking_up: Operation::List, mode }
    }

    async fn push() -> Self {
        let sim = Sim::start(SimConfig::default()).await.unwrap();
        let account = push::Credentials::new()
            .with_base_url(format!("{}/v2/", sim.url()))
            .with_token("demo-push")
            .with_security_code("demo-code");
        let (transport, mode) = failing();
        let client = push::Client::builder(account)
            .with_options(options())
            .with_transport(transport)
            .with_tracked_single_messages()
            .build();
        let sender = KaradenPushSender::new(client.unwrap());
        let sending = [Operation::Queue, Operation::QueueLong];
        let looking_up = Operation::InquiryByTracking;
        Self { sender: Arc::new(sender), sim, sending, looking_up, mode }
    }
}

impl Candidate for Simulated {
    fn sender(&self) -> &dyn SmsSender {
        &*self.sender
    }

    fn set_mode(&self, mode: ProviderMode) {
        *self.mode.lock().unwrap() = mode;
        let (sending, looking_up) = match mode {
            ProviderMode::Garbled => (FaultMode::Malformed, FaultMode::Malformed),
            ProviderMode::Losing => (FaultMode::AcceptThenDrop, FaultMode::None),
            ProviderMode::RateLimiting => (FaultMode::Status(429), FaultMode::None),
            ProviderMode::Refusing => (FaultMode::Status(401), FaultMode::None),
            ProviderMode::Stalling => (FaultMode::AcceptThenTimeout, FaultMode::Timeout),
            _ => (FaultMode::None, FaultMode::None),
        };
        let [first, second] = self.sending;
        let faults = [(first, sending), (second, sending), (self.looking_up, looking_up)];
        let fault = |(operation, mode)| Fault::new(mode).with_operation(operation);
        self.sim.set_faults(faults.map(fault).to_vec());
    }

    /// Each request that is not refused is a message of its own.
    fn requests(&self) -> usize {
        self.messages()
    }

    fn messages(&self) -> usize {
        self.sim.inbox(None).len()
    }

    fn last_message(&self) -> Option<TakenSms> {
        let newest = self.sim.inbox(None).into_iter().next()?;
        Some(TakenSms::new(PhoneNumber::from_japanese(&newest.to).unwrap(), newest.body))
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
