//! The contract that every plugin keeps, checked by the kit of mfa-plugin-api.

use std::sync::Arc;

use mfa_plugin_api::{
    MfaPlugin, Services, Subject, Submission,
    test_kit::{Candidate, check_contract},
};
use otp_cache::{
    ChallengeStore, DeliveryNotes, LocalNotifier, Notifier, Quota, memory::MemoryStore,
};
use sms_otp_plugin::SmsOtpPlugin;
use sms_sender::RecordingSender;

use testkit::LogCapture;

use crate::support::{PHONE, config, keys};

#[derive(Debug)]
struct Sms {
    plugin: SmsOtpPlugin,
    sender: RecordingSender,
    store: Arc<MemoryStore>,
    log: LogCapture,
}

impl Sms {
    fn new(log: LogCapture) -> Self {
        let sender = RecordingSender::new();
        let plugin = SmsOtpPlugin::new(config(), keys(), Arc::new(sender.clone())).unwrap();
        Self { plugin, sender, store: Arc::new(MemoryStore::new()), log }
    }

    fn code(&self) -> String {
        let sent = self.sender.sent();
        sent.last().and_then(|sms| sms.code()).unwrap_or("000000").to_owned()
    }
}

impl Candidate for Sms {
    fn plugin(&self) -> &dyn MfaPlugin {
        &self.plugin
    }

    fn subject(&self) -> Subject {
        Subject::new("test", "alice").with_attribute(Subject::PHONE_NUMBER, PHONE)
    }

    fn right_answer(&self) -> Submission {
        Submission::new().with("code", self.code())
    }

    fn wrong_answer(&self) -> Submission {
        let code: u32 = self.code().parse().unwrap();
        Submission::new().with("code", format!("{:06}", (code + 1) % 1_000_000))
    }

    fn services(&self) -> Services {
        Services::new()
            .with::<Arc<dyn ChallengeStore>>(self.store.clone())
            .with::<Arc<dyn Quota>>(self.store.clone())
            .with::<Arc<dyn DeliveryNotes>>(self.store.clone())
            .with::<Arc<dyn Notifier>>(Arc::new(LocalNotifier::new()))
    }

    fn messages_sent(&self) -> usize {
        self.sender.sent().len()
    }

    fn secrets(&self) -> Vec<String> {
        let sent = self.sender.sent();
        let codes = sent.iter().filter_map(|sms| sms.code()).map(str::to_owned);
        codes.chain([PHONE[1..].to_owned()]).collect()
    }

    fn log(&self) -> String {
        self.log.text()
    }
}

#[tokio::test(start_paused = true)]
async fn keeps_the_contract() {
    let log = LogCapture::new();
    let _capturing = log.start();
    check_contract(|| Sms::new(log.clone())).await;
}
