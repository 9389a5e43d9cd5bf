//! The contract that every plugin keeps, checked by the kit of mfa-plugin-api.

use std::{sync::Arc, time::Duration};

use mfa_plugin_api::{
    MfaPlugin, Services, Subject, Submission,
    test_kit::{Candidate, Clause, check_clause, check_contract},
};
use otp_cache::{
    ChallengeStore, DeliveryNotes, LocalNotifier, Notifier, Quota, memory::MemoryStore,
};
use sms_otp_plugin::{SendLimitSettings, SendLimits, SmsOtpPlugin};
use sms_sender::RecordingSender;

use testkit::LogCapture;

use crate::support::{PHONE, config, keys};

/// More than any test tries.
const REFUSALS: usize = 1_000;

#[derive(Debug)]
struct Sms {
    plugin: SmsOtpPlugin,
    sender: RecordingSender,
    store: Arc<MemoryStore>,
    log: LogCapture,
}

impl Sms {
    fn new(limits: &SendLimitSettings, log: LogCapture) -> Self {
        let sender = RecordingSender::new();
        let config = config().with_limits(SendLimits::new(limits).unwrap());
        let plugin = SmsOtpPlugin::new(config, keys(), Arc::new(sender.clone())).unwrap();
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

    fn refuse_messages(&self) -> bool {
        for _ in 0..REFUSALS {
            self.sender.fail_next();
        }
        true
    }

    fn messages_refused(&self) -> usize {
        REFUSALS - self.sender.scripted()
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
    check_contract(|| Sms::new(&SendLimitSettings::default(), log.clone())).await;
    // With these limits an attacker may begin as many logins as clause 4 tries.
    let wide = SendLimitSettings::default()
        .with_per_number(200, 200)
        .with_per_user(200, 200)
        .with_per_address(200)
        .with_tries_per_user(200, 200)
        .with_per_block(200, Duration::from_secs(60));
    let wide = || Sms::new(&wide, log.clone());
    check_clause(Clause::GuessesAreBounded, wide).await;
}
