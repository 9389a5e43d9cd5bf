//! The kit finds each planted fault, and by its own clause only.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod model;

use std::sync::Arc;

use sms_sender::{
    BreakerSettings, CircuitBreaker, FailingSender, FailoverSender, RecordingSender, RefusedReason,
    SmsSender, TextLimit,
    sender_kit::{Candidate, ProviderMode, TakenSms, breaches, check_contract},
};

use crate::model::{Fault, Model, Provider};

/// A sender, and the model of its provider.
#[derive(Debug)]
struct Modelled {
    sender: Arc<dyn SmsSender>,
    provider: Arc<Provider>,
}

impl Modelled {
    fn new(fault: Option<Fault>, wrap: impl FnOnce(Arc<Model>) -> Arc<dyn SmsSender>) -> Self {
        let provider = Arc::new(Provider::default());
        let sender = wrap(Arc::new(Model::new(Arc::clone(&provider), fault)));
        Self { sender, provider }
    }
}

impl Candidate for Modelled {
    fn sender(&self) -> &dyn SmsSender {
        &*self.sender
    }

    fn set_mode(&self, mode: ProviderMode) {
        self.provider.set_mode(mode);
    }

    fn requests(&self) -> usize {
        self.provider.requests()
    }

    fn messages(&self) -> usize {
        self.provider.messages()
    }

    fn last_message(&self) -> Option<TakenSms> {
        self.provider.last_message()
    }

    fn secrets(&self) -> Vec<String> {
        vec![model::TOKEN.to_owned()]
    }
}

#[tokio::test(start_paused = true)]
async fn a_sound_sender_and_its_wrappers_keep_the_contract() {
    check_contract(async || Modelled::new(None, |model| model)).await;
    check_contract(async || {
        Modelled::new(None, |model| {
            Arc::new(CircuitBreaker::new(model, BreakerSettings::default()).unwrap())
        })
    })
    .await;
    check_contract(async || {
        Modelled::new(None, |model| Arc::new(FailoverSender::new(model))).with_second()
    })
    .await;
}

impl Modelled {
    /// Adds a first sender that is down.
    fn with_second(self) -> Self {
        let down = FailoverSender::new(Arc::new(Down)).with_fallback(self.sender);
        Self { sender: Arc::new(down), provider: self.provider }
    }
}

/// A provider that cannot be reached and has no message.
#[derive(Debug)]
struct Down;

#[async_trait::async_trait]
impl SmsSender for Down {
    fn text_limit(&self) -> sms_sender::TextLimit {
        sms_sender::TextLimit::new(160, 1)
    }

    async fn send(
        &self,
        sms: &sms_sender::OutgoingSms,
    ) -> Result<sms_sender::SmsOutcome, sms_sender::SmsError> {
        FailingSender::not_sent().send(sms).await
    }

    async fn look_up(
        &self,
        _: &sms_sender::Reference,
        _: std::time::SystemTime,
    ) -> Result<sms_sender::LookUp, sms_sender::LookUpError> {
        Ok(sms_sender::LookUp::Absent)
    }
}

#[tokio::test(start_paused = true)]
async fn a_sound_sender_keeps_the_contract_with_any_limit() {
    for limit in [
        TextLimit::new(1600, usize::MAX),
        TextLimit::new(usize::MAX, usize::MAX),
        TextLimit::new(70, 3).with_line_break(3),
        TextLimit::new(69, 2).with_line_break(0),
        TextLimit::new(71, 7).with_line_break(2).with_basic_plane_only(),
    ] {
        let limited = |model: Arc<Model>| {
            let model = Arc::into_inner(model).expect("only this one");
            Arc::new(model.with_limit(limit)) as Arc<dyn SmsSender>
        };
        check_contract(async || Modelled::new(None, limited)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_planted_fault_is_found_by_its_own_clause() {
    for (fault, clause) in Fault::ALL {
        let found = breaches(async || Modelled::new(Some(fault), |model| model)).await;
        let clauses: Vec<u8> = found.iter().map(|breach| breach.clause).collect();
        assert_eq!(clauses, [clause], "{fault:?}: {found:?}");
    }
}

/// The sender for tests is sender and provider in one.
#[derive(Debug, Default)]
struct Recorder(RecordingSender);

impl Candidate for Recorder {
    fn sender(&self) -> &dyn SmsSender {
        &self.0
    }

    fn modes(&self) -> &[ProviderMode] {
        &[
            ProviderMode::Accepting,
            ProviderMode::Down,
            ProviderMode::FailingAfterTaking,
            ProviderMode::Garbled,
            ProviderMode::Losing,
            ProviderMode::RateLimiting,
            ProviderMode::Refusing,
        ]
    }

    fn set_mode(&self, mode: ProviderMode) {
        match mode {
            ProviderMode::Down => self.0.fail_next(),
            ProviderMode::FailingAfterTaking | ProviderMode::Garbled | ProviderMode::Losing => {
                self.0.lose_next_answer();
            }
            ProviderMode::RateLimiting => self.0.limit_next(None),
            ProviderMode::Refusing => self.0.refuse_next(RefusedReason::Message),
            _ => {}
        }
    }

    fn requests(&self) -> usize {
        self.messages()
    }

    fn messages(&self) -> usize {
        self.0.sent().len()
    }

    fn last_message(&self) -> Option<TakenSms> {
        let sent = self.0.sent();
        let last = sent.last()?;
        Some(TakenSms::new(last.to().parse().unwrap(), last.text()))
    }
}

#[derive(Debug)]
struct Failing(FailingSender, [ProviderMode; 1]);

impl Candidate for Failing {
    fn sender(&self) -> &dyn SmsSender {
        &self.0
    }

    fn modes(&self) -> &[ProviderMode] {
        &self.1
    }

    fn set_mode(&self, _: ProviderMode) {}

    fn requests(&self) -> usize {
        0
    }

    fn messages(&self) -> usize {
        0
    }

    fn last_message(&self) -> Option<TakenSms> {
        None
    }

    fn keeps_record(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn the_senders_for_tests_keep_the_contract() {
    check_contract(async || Recorder::default()).await;
    check_contract(async || Failing(FailingSender::not_sent(), [ProviderMode::Down])).await;
    check_contract(async || Failing(FailingSender::unknown(), [ProviderMode::Losing])).await;
}
