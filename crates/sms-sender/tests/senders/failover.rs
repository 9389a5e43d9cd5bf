//! Failover.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use sms_sender::{
    BreakerSettings, CircuitBreaker, DeliveryStatus, FailingSender, FailoverSender, LookUp,
    LookUpError, OutgoingSms, RecordingSender, Reference, RefusedReason, SmsError, SmsOutcome,
    SmsReport, SmsSender, TextLimit,
};

use crate::common::{breaker, sms};

fn recorders() -> (RecordingSender, RecordingSender, FailoverSender) {
    let (first, second) = (RecordingSender::new(), RecordingSender::new());
    let both = FailoverSender::new(Arc::new(first.clone())).with_fallback(Arc::new(second.clone()));
    (first, second, both)
}

#[tokio::test]
async fn only_a_message_that_was_not_sent_goes_to_the_next_sender() {
    type Script = fn(&RecordingSender);
    let cases: [(Script, usize, usize); 8] = [
        (|_| {}, 1, 0),
        (RecordingSender::fail_next, 0, 1),
        (|first| first.refuse_next(RefusedReason::Account), 0, 1),
        (|first| first.limit_next(None), 0, 1),
        (|first| first.refuse_next(RefusedReason::Number), 0, 0),
        (|first| first.refuse_next(RefusedReason::ChangedHands), 0, 0),
        (RecordingSender::lose_next_answer, 1, 0),
        (RecordingSender::lose_next_request, 0, 0),
    ];
    for (case, (script, at_first, at_second)) in cases.into_iter().enumerate() {
        let (first, second, both) = recorders();
        script(&first);
        // What came of it is for the caller; here it counts where it went.
        let _ = both.send(&sms()).await;
        assert_eq!((first.sent().len(), second.sent().len()), (at_first, at_second), "{case}");
    }
}

/// Sends as the other one, and checks the history of numbers.
#[derive(Debug)]
struct Checking(RecordingSender);

#[async_trait]
impl SmsSender for Checking {
    fn text_limit(&self) -> TextLimit {
        self.0.text_limit()
    }

    fn checks_number_history(&self) -> bool {
        true
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        self.0.send(sms).await
    }

    async fn look_up(&self, reference: &Reference, at: SystemTime) -> Result<LookUp, LookUpError> {
        self.0.look_up(reference, at).await
    }
}

#[tokio::test]
async fn a_message_whose_number_is_to_be_checked_goes_to_no_sender_that_does_not() {
    let since = || sms().with_phone_since(SystemTime::UNIX_EPOCH);
    let checking = |recorder: &RecordingSender| Arc::new(Checking(recorder.clone()));
    type Build = fn(FailoverSender) -> FailoverSender;
    let as_it_is: Build = |both| both;
    let unchecked: Build = FailoverSender::dangerous_allow_unchecked_numbers;
    for (sms, build, is_checked, sent) in [
        (since(), as_it_is, true, 0),
        (sms(), as_it_is, true, 1),
        (since(), unchecked, false, 1),
        (sms(), unchecked, false, 1),
    ] {
        let (first, second) = (RecordingSender::new(), RecordingSender::new());
        let both = FailoverSender::new(checking(&first)).with_fallback(Arc::new(second.clone()));
        let both = build(both);
        assert_eq!(both.checks_number_history(), is_checked);
        first.fail_next();
        assert_eq!(both.send(&sms).await.is_ok(), sent == 1);
        assert_eq!((first.sent().len(), second.sent().len()), (0, sent));
    }
    // Not by the first sender either, and behind a breaker neither.
    let (first, second) = (RecordingSender::new(), RecordingSender::new());
    let second_checks = breaker(Checking(second.clone()));
    let both = FailoverSender::new(Arc::new(first.clone())).with_fallback(Arc::new(second_checks));
    both.send(&since()).await.unwrap();
    assert_eq!((first.sent().len(), second.sent().len()), (0, 1));
    both.send(&sms()).await.unwrap();
    assert_eq!((first.sent().len(), second.sent().len()), (1, 1));
    // Where nobody checks, nobody is left out.
    let (first, second, both) = recorders();
    assert!(!both.checks_number_history());
    first.fail_next();
    both.send(&since()).await.unwrap();
    assert_eq!(second.sent().len(), 1);
}

/// Sends nothing, and takes its time.
#[derive(Debug)]
struct Slow(Duration);

#[async_trait]
impl SmsSender for Slow {
    fn text_limit(&self) -> TextLimit {
        TextLimit::new(70, 1)
    }

    async fn send(&self, _: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        tokio::time::sleep(self.0).await;
        Err(SmsError::not_sent("no connection in time"))
    }

    async fn look_up(&self, _: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        Ok(LookUp::Absent)
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_sends_nothing_after_the_deadline() {
    for (slow, sent) in [(4_999, 1), (5_000, 0), (10_000, 0)] {
        let second = RecordingSender::new();
        let both = FailoverSender::new(Arc::new(Slow(Duration::from_millis(slow))))
            .with_fallback(Arc::new(second.clone()));
        let sms = sms();
        let sms = sms.clone().with_deadline(sms.now() + Duration::from_secs(5));
        assert_eq!(both.send(&sms).await.is_ok(), sent == 1);
        assert_eq!(second.sent().len(), sent, "{slow} ms");
    }
}

#[tokio::test]
async fn the_last_senders_answer_is_the_answer() {
    let down = FailoverSender::new(Arc::new(FailingSender::not_sent()))
        .with_fallback(Arc::new(FailingSender::unknown()));
    assert!(!down.send(&sms()).await.unwrap_err().is_not_sent());
}

#[tokio::test]
async fn a_message_is_looked_for_at_every_sender() {
    let (first, second, both) = recorders();
    let sms = sms();
    let look_up = async || both.look_up(sms.reference(), SystemTime::UNIX_EPOCH).await;
    assert_eq!(look_up().await.unwrap(), LookUp::Absent);
    second.set_status(sms.reference(), DeliveryStatus::Delivered);
    assert_eq!(
        look_up().await.unwrap(),
        LookUp::Present(SmsReport::new(DeliveryStatus::Delivered))
    );
    assert_eq!((first.looked_up().len(), second.looked_up().len()), (2, 2));
    // Absent means absent everywhere: a sender that does not say leaves it open.
    let unsure =
        FailoverSender::new(Arc::new(FailingSender::unknown())).with_fallback(Arc::new(first));
    unsure.look_up(sms.reference(), SystemTime::UNIX_EPOCH).await.unwrap_err();
}

#[test]
fn the_limit_of_a_failover_is_the_strictest_and_a_breaker_passes_it_on() {
    let of = |limit| Arc::new(RecordingSender::new().with_text_limit(limit)) as Arc<dyn SmsSender>;
    let parts = TextLimit::new(70, 7).with_line_break(3);
    let body = TextLimit::new(660, 1).with_basic_plane_only();
    let failover = FailoverSender::new(of(parts)).with_fallback(of(body));
    let strictest = TextLimit::new(70, 1).with_line_break(3).with_basic_plane_only();
    assert_eq!(failover.text_limit(), strictest);
    let breaker = CircuitBreaker::new(Arc::new(failover), BreakerSettings::default()).unwrap();
    assert_eq!(breaker.text_limit(), strictest);
    assert_eq!(FailingSender::not_sent().with_text_limit(body).text_limit(), body);
}
