//! A host in miniature: one plugin, its services, and logins that remember their state.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use mfa_plugin_api::{
    ActionId, ClientFacts, FlowContext, FlowId, FlowParts, LiveStatus as _, MfaPlugin as _,
    PluginError, PluginState, Prompt, RejectionKind, Reply, Services, Step, Subject, Submission,
};
use otp_cache::{
    ChallengeStore, DeliveryNotes, LocalNotifier, Notifier, Quota, memory::MemoryStore,
};
use otp_core::{DigestKey, KeyId, KeyRing, message::Host};
use sms_otp_plugin::{
    PseudonymKey, SMS_OTP, SendLimitSettings, SendLimits, SmsOtpConfig, SmsOtpPlugin, SmsTexts,
};
use sms_sender::{RecordingSender, SmsSender};
use testkit::{ManualClock, RecordingAudit, SeededRandomness};

pub(crate) const PHONE: &str = "09012345678";

pub(crate) fn config() -> SmsOtpConfig {
    let host = Host::new("auth.example.jp").unwrap();
    let texts = SmsTexts::new("みどり銀行", host);
    SmsOtpConfig::new(texts, PseudonymKey::from_bytes(&[9; 32]).unwrap())
}

/// For tests that need more tries at once than a user has.
pub(crate) fn with_many_tries() -> SmsOtpConfig {
    let limits = SendLimitSettings::default().with_tries_per_user(100, 100);
    config().with_limits(SendLimits::new(&limits).unwrap())
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[7; 32]).unwrap())
}

/// Everything but the logins.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) sender: RecordingSender,
    pub(crate) audit: RecordingAudit,
    pub(crate) services: Services,
    pub(crate) plugin: SmsOtpPlugin,
    pub(crate) randomness: SeededRandomness,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_config(config())
    }

    pub(crate) fn with_config(config: SmsOtpConfig) -> Self {
        let sender = RecordingSender::new();
        Self { sender: sender.clone(), ..Self::with_sender(config, Arc::new(sender)) }
    }

    pub(crate) fn with_sender(config: SmsOtpConfig, sender: Arc<dyn SmsSender>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let services = Services::new()
            .with::<Arc<dyn ChallengeStore>>(store.clone())
            .with::<Arc<dyn Quota>>(store.clone())
            .with::<Arc<dyn DeliveryNotes>>(store)
            .with::<Arc<dyn Notifier>>(Arc::new(LocalNotifier::new()));
        Self {
            clock: ManualClock::new(),
            sender: RecordingSender::new(),
            audit: RecordingAudit::new(),
            services,
            plugin: SmsOtpPlugin::new(config, keys(), sender).unwrap(),
            randomness: SeededRandomness::new(1),
        }
    }

    /// A login of alice.
    pub(crate) fn login(&self, flow: &str) -> Login<'_> {
        self.login_of("alice", Some(PHONE), flow)
    }

    pub(crate) fn login_of(&self, user: &str, phone: Option<&str>, flow: &str) -> Login<'_> {
        let mut subject = Subject::new("test", user);
        if let Some(phone) = phone {
            subject = subject.with_attribute(Subject::PHONE_NUMBER, phone);
        }
        let client = ClientFacts::new("192.0.2.1".parse::<IpAddr>().unwrap(), "ja");
        Login { world: self, flow: FlowId::new(flow), subject, client, state: Mutex::new(None) }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The code in the last message.
    pub(crate) fn code(&self) -> String {
        let sent = self.sender.sent();
        sent.last().and_then(|sms| sms.code()).expect("a message with a code").to_owned()
    }

    /// Another code of the same form.
    pub(crate) fn wrong_code(&self) -> String {
        let code = self.code();
        let last = code.bytes().last().expect("a code has digits");
        format!("{}{}", &code[..5], (last - b'0' + 1) % 10)
    }
}

/// One login, with the state that a host keeps for it.
#[derive(Debug)]
pub(crate) struct Login<'w> {
    pub(crate) world: &'w World,
    pub(crate) flow: FlowId,
    pub(crate) subject: Subject,
    pub(crate) client: ClientFacts,
    pub(crate) state: Mutex<Option<PluginState>>,
}

impl Login<'_> {
    pub(crate) async fn begin(&self) -> Step {
        let reply = self.call(async |context| self.world.plugin.begin(context).await).await;
        self.keep(reply.expect("the plugin answers"))
    }

    pub(crate) async fn submit(&self, code: &str) -> Step {
        self.keep(self.try_submit(code).await.expect("the plugin answers"))
    }

    pub(crate) async fn try_submit(&self, code: &str) -> Result<Reply, PluginError> {
        let submission = Submission::new().with("code", code);
        self.call(async |context| self.world.plugin.submit(context, &submission).await).await
    }

    pub(crate) async fn action(&self, action: &str) -> Step {
        let action = ActionId::new(action);
        let call =
            async |context: &FlowContext<'_>| self.world.plugin.action(context, &action).await;
        let reply = self.call(call).await;
        self.keep(reply.expect("the plugin answers"))
    }

    /// Returns the prompt that a reload shows.
    pub(crate) async fn status(&self) -> Option<Prompt> {
        self.current().await.map(prompt)
    }

    /// Returns the step that a reload finds.
    pub(crate) async fn current(&self) -> Option<Step> {
        let answer = self.call(async |context| self.world.plugin.status(context).await).await;
        answer.expect("the plugin answers")
    }

    /// Waits until the page may show something else than `shown`.
    pub(crate) async fn changed(&self, shown: &Prompt) {
        let call =
            async |context: &FlowContext<'_>| self.world.plugin.changed(context, shown).await;
        self.call(call).await.expect("the plugin waits");
    }

    pub(crate) async fn call<T>(&self, call: impl AsyncFnOnce(&FlowContext<'_>) -> T) -> T {
        let state = self.state.lock().unwrap().clone();
        let factor = SMS_OTP;
        let context = FlowContext::new(FlowParts {
            factor: &factor,
            flow: &self.flow,
            subject: &self.subject,
            client: &self.client,
            now: self.world.clock.now(),
            randomness: &self.world.randomness,
            services: &self.world.services,
            audit: &self.world.audit,
        })
        .with_state(state.as_ref());
        call(&context).await
    }

    fn keep(&self, reply: Reply) -> Step {
        *self.state.lock().unwrap() = reply.state;
        reply.step
    }
}

/// The prompt of a step.
#[track_caller]
pub(crate) fn prompt(step: Step) -> Prompt {
    match step {
        Step::Prompt(prompt) => prompt,
        other => panic!("not a prompt: {other:?}"),
    }
}

/// Kind and words of a prompt's rejection.
#[track_caller]
pub(crate) fn rejection(step: Step) -> (RejectionKind, String) {
    let rejection = prompt(step).rejection.expect("a rejection");
    (rejection.kind, rejection.message.key().to_owned())
}

pub(crate) fn text_keys(prompt: &Prompt) -> Vec<&str> {
    prompt.texts.iter().map(mfa_plugin_api::Message::key).collect()
}

pub(crate) fn action_names(prompt: &Prompt) -> Vec<&str> {
    prompt.actions.iter().map(|action| action.id.as_str()).collect()
}

pub(crate) fn notice(prompt: &Prompt) -> Option<&str> {
    prompt.notice.as_ref().map(|notice| notice.message.key())
}
