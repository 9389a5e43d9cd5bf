//! Failover and the circuit breaker.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::{ChallengeId, PhoneNumber};
use sms_sender::{
    BreakerSettings, CircuitBreaker, DeliveryStatus, FailingSender, FailoverSender,
    InvalidBreakerSettings, LookUp, LookUpError, OutgoingSms, RecordingSender, Reference,
    RefusedReason, SmsAccepted, SmsError, SmsOutcome, SmsReport, SmsSender, TextLimit,
};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

fn sms() -> OutgoingSms {
    sms_to(0)
}

/// A message to the `n`th user.
fn sms_to(n: u32) -> OutgoingSms {
    let to = PhoneNumber::from_japanese(&format!("0901234{n:04}")).unwrap();
    let reference = Reference::new(ChallengeId::from_bytes([3; 16]), 1);
    OutgoingSms::new(to, "text".to_owned(), reference, SystemTime::UNIX_EPOCH)
}

fn recorders() -> (RecordingSender, RecordingSender, FailoverSender) {
    let (first, second) = (RecordingSender::new(), RecordingSender::new());
    let both = FailoverSender::new(Arc::new(first.clone())).with_fallback(Arc::new(second.clone()));
    (first, second, both)
}

#[test]
fn a_reference_is_short_plain_and_tells_messages_apart() {
    let mut seen = std::collections::BTreeSet::new();
    for id in [[0; 16], [0xff; 16], [1; 16], [2; 16]] {
        for nth in 0..=u8::MAX {
            let reference = Reference::new(ChallengeId::from_bytes(id), nth);
            let name = reference.as_str();
            assert_eq!(name.len(), if nth < 36 { 26 } else { 27 });
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
            assert!(seen.insert(name.to_owned()));
        }
    }
}

/// A message with this text.
fn sms_of(text: &str) -> OutgoingSms {
    let sms = sms();
    OutgoingSms::new(sms.to().clone(), text.to_owned(), sms.reference().clone(), sms.now())
}

#[test]
fn a_text_that_phones_do_not_show_fits_no_limit() {
    let limit = TextLimit::new(70, 1);
    for text in ["", " ", "\u{a0}", "\n", "a\tb", "a\rb", "a\r\nb", "a\u{7f}", "a\u{85}"] {
        assert!(!sms_of(text).fits(limit), "{text:?}");
    }
    for text in ["a", " a", "a\nb", "a\n", "あ\u{3099}"] {
        assert!(sms_of(text).fits(limit), "{text:?}");
    }
}

#[tokio::test]
async fn a_sender_for_tests_fails_no_message_that_is_refused_or_late() {
    let sender = FailingSender::unknown();
    let refused = SmsOutcome::Refused(RefusedReason::Message);
    assert_eq!(sender.send(&sms_of(&"あ".repeat(71))).await.unwrap(), refused);
    assert_eq!(sender.send(&sms_of("a\tb")).await.unwrap(), refused);
    let late = sms().with_deadline(SystemTime::UNIX_EPOCH);
    assert!(sender.send(&late).await.unwrap_err().is_not_sent());
    assert!(!sender.send(&sms()).await.unwrap_err().is_not_sent());
    assert_eq!(sender.calls(), 4);
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

fn breaker(inner: impl SmsSender) -> CircuitBreaker {
    CircuitBreaker::new(Arc::new(inner), BreakerSettings::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn after_five_failures_a_provider_is_left_alone_for_ten_seconds() {
    let provider = FailingSender::not_sent();
    let breaker = breaker(provider.clone());
    for n in 0..5 {
        assert!(!breaker.is_open());
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    for _ in 0..20 {
        let error = breaker.send(&sms()).await.unwrap_err();
        assert!(error.is_not_sent() && breaker.is_open());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
    }
    assert_eq!(provider.calls(), 5);
    tokio::time::advance(Duration::from_millis(9_999)).await;
    breaker.send(&sms()).await.unwrap_err();
    assert_eq!(provider.calls(), 5);
    tokio::time::advance(Duration::from_millis(1)).await;
    // One tries; it fails, so the rest is stopped again.
    breaker.send(&sms()).await.unwrap_err();
    breaker.send(&sms()).await.unwrap_err();
    assert_eq!(provider.calls(), 6);
}

#[tokio::test(start_paused = true)]
async fn another_sender_to_the_same_provider_finds_the_breaker_as_it_is() {
    let breaker = breaker(FailingSender::not_sent());
    for n in 0..5 {
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    let provider = FailingSender::not_sent();
    let other = breaker.with_sender(Arc::new(provider.clone()));
    assert!(other.is_open());
    other.send(&sms()).await.unwrap_err();
    assert_eq!(provider.calls(), 0);
    tokio::time::advance(Duration::from_secs(10)).await;
    other.send(&sms()).await.unwrap_err();
    assert_eq!(provider.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_far_apart_and_refusals_open_nothing() {
    let provider = RecordingSender::new();
    let breaker = breaker(provider.clone());
    for n in 0..20 {
        provider.fail_next();
        breaker.send(&sms_to(n)).await.unwrap_err();
        tokio::time::advance(Duration::from_secs(8)).await;
    }
    for n in 0..20 {
        provider.refuse_next(RefusedReason::Number);
        breaker.send(&sms_to(n)).await.unwrap();
    }
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_answer_closes_it_again() {
    let provider = RecordingSender::new();
    let breaker = breaker(provider.clone());
    for n in 0..5 {
        provider.lose_next_request();
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    assert!(breaker.is_open());
    breaker.look_up(sms().reference(), SystemTime::UNIX_EPOCH).await.unwrap_err();
    assert!(provider.looked_up().is_empty());
    tokio::time::advance(Duration::from_secs(10)).await;
    breaker.send(&sms()).await.unwrap();
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn one_user_opens_it_for_nobody_else() {
    type Script = fn(&RecordingSender);
    let scripts: [Script; 5] = [
        RecordingSender::fail_next,
        RecordingSender::lose_next_request,
        |provider| provider.limit_next(Some(Duration::from_secs(3600))),
        |provider| provider.refuse_next(RefusedReason::Number),
        |provider| provider.refuse_next(RefusedReason::ChangedHands),
    ];
    for (case, script) in scripts.into_iter().enumerate() {
        let provider = RecordingSender::new();
        let breaker = breaker(provider.clone());
        for _ in 0..100 {
            script(&provider);
            // What came of it is for that user.
            let _ = breaker.send(&sms_to(1)).await;
        }
        assert!(!breaker.is_open(), "{case}");
        breaker.send(&sms_to(2)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn four_users_open_it_for_nobody_else_and_a_fifth_does() {
    let provider = FailingSender::unknown();
    let breaker = breaker(provider.clone());
    for n in 0..100 {
        breaker.send(&sms_to(n % 4)).await.unwrap_err();
    }
    assert!(!breaker.is_open());
    breaker.send(&sms_to(4)).await.unwrap_err();
    assert!(breaker.is_open());
}

/// Fails for the numbers below `bad`, after `slow`.
#[derive(Debug)]
struct FailingFor {
    bad: u32,
    slow: Duration,
    others: RecordingSender,
}

#[async_trait]
impl SmsSender for FailingFor {
    fn text_limit(&self) -> TextLimit {
        self.others.text_limit()
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        if (0..self.bad).any(|n| sms_to(n).to() == sms.to()) {
            tokio::time::sleep(self.slow).await;
            return Err(SmsError::not_sent("no connection"));
        }
        self.others.send(sms).await
    }

    async fn look_up(&self, reference: &Reference, at: SystemTime) -> Result<LookUp, LookUpError> {
        self.others.look_up(reference, at).await
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_opened_it_cannot_take_the_probes_of_the_others() {
    for slow in [Duration::ZERO, Duration::from_secs(11)] {
        let provider = FailingFor { bad: 5, slow, others: RecordingSender::new() };
        let breaker = Arc::new(breaker(provider));
        let mut calls = JoinSet::new();
        for n in 0..5 {
            let breaker = Arc::clone(&breaker);
            calls.spawn(async move { breaker.send(&sms_to(n)).await });
        }
        calls.join_all().await.into_iter().for_each(|sent| drop(sent.unwrap_err()));
        assert!(breaker.is_open());
        tokio::time::advance(Duration::from_secs(10)).await;
        // One of them clicks all the time, and is the first to probe.
        let clicks = Arc::clone(&breaker);
        let clicking = tokio::spawn(async move {
            loop {
                clicks.send(&sms_to(0)).await.unwrap_err();
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(breaker.is_open());
        breaker.send(&sms_to(7)).await.unwrap();
        assert!(!breaker.is_open());
        clicking.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_of_another_number_stops_all_again() {
    let provider = FailingSender::not_sent();
    let breaker = breaker(provider.clone());
    for n in 0..5 {
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    for n in 7..20 {
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    assert_eq!(provider.calls(), 6);
}

#[tokio::test(start_paused = true)]
async fn rate_limits_of_many_numbers_stop_sending_for_as_long_as_the_provider_asks() {
    let seconds = Duration::from_secs;
    for (asked, open_for) in
        [(None, 10), (Some(seconds(1)), 10), (Some(seconds(25)), 25), (Some(seconds(3600)), 60)]
    {
        let provider = RecordingSender::new();
        let breaker = breaker(provider.clone());
        for n in 0..5 {
            assert!(!breaker.is_open());
            provider.limit_next(asked);
            assert!(breaker.send(&sms_to(n)).await.unwrap_err().is_rate_limited());
        }
        let error = breaker.send(&sms_to(9)).await.unwrap_err();
        assert!(error.is_not_sent() && !error.is_rate_limited());
        assert_eq!(error.retry_after(), Some(seconds(open_for)), "{asked:?}");
        assert!(provider.sent().is_empty());
        tokio::time::advance(seconds(open_for)).await;
        breaker.send(&sms_to(9)).await.unwrap();
        assert!(!breaker.is_open());
    }
}

/// Does what the text says: `accept`, `fail`, `limit` for 60 s or `refuse`, after this many seconds.
#[derive(Debug)]
struct Obedient;

#[async_trait]
impl SmsSender for Obedient {
    fn text_limit(&self) -> TextLimit {
        TextLimit::new(70, 1)
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let (what, seconds) = sms.expose_text().split_once(' ').unwrap();
        tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
        let minute = Some(Duration::from_secs(60));
        match what {
            "accept" => Ok(SmsOutcome::Accepted(SmsAccepted::default())),
            "limit" => Err(SmsError::rate_limited("too many").with_retry_after(minute)),
            "refuse" => Ok(SmsOutcome::Refused(RefusedReason::Number)),
            _ => Err(SmsError::not_sent("down")),
        }
    }

    async fn look_up(&self, _: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        Ok(LookUp::Absent)
    }
}

/// Sends one message with this text to each of five users.
fn five(breaker: &Arc<CircuitBreaker>, text: &'static str) -> JoinSet<bool> {
    (0..5)
        .map(|n| {
            let breaker = Arc::clone(breaker);
            let sms = sms_to(n);
            let reference = sms.reference().clone();
            let sms = OutgoingSms::new(sms.to().clone(), text.to_owned(), reference, sms.now());
            async move { breaker.send(&sms).await.is_ok() }
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_the_opening_neither_closes_nor_shortens_it() {
    for (early, opening, open_for) in [
        ("accept 5", "fail 0", 10),
        ("refuse 5", "fail 0", 10),
        ("accept 5", "limit 0", 60),
        ("refuse 5", "limit 0", 60),
        ("fail 5", "limit 0", 60),
    ] {
        let breaker = Arc::new(breaker(Obedient));
        let opened_at = Instant::now();
        let early_calls = five(&breaker, early);
        tokio::task::yield_now().await;
        five(&breaker, opening).join_all().await;
        assert!(breaker.is_open());
        early_calls.join_all().await;
        assert_eq!(opened_at.elapsed(), Duration::from_secs(5));
        let rejected = breaker.send(&sms_of("accept 0")).await.unwrap_err();
        let left = Duration::from_secs(open_for - 5);
        assert_eq!(rejected.retry_after(), Some(left), "{early}, {opening}");
        tokio::time::advance(left).await;
        breaker.send(&sms_of("accept 0")).await.unwrap();
        assert!(!breaker.is_open());
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_from_before_another_opening_does_not_close_it() {
    let second = Duration::from_secs(1);
    let settings = BreakerSettings::default().with_open_for(second);
    let breaker = Arc::new(CircuitBreaker::new(Arc::new(Obedient), settings).unwrap());
    let limited = five(&breaker, "limit 5");
    tokio::task::yield_now().await;
    five(&breaker, "fail 0").join_all().await;
    tokio::time::advance(second).await;
    // The rate limits of the earlier calls open it while the probe runs.
    breaker.send(&sms_of("refuse 10")).await.unwrap();
    limited.join_all().await;
    let rejected = breaker.send(&sms_of("accept 0")).await.unwrap_err();
    assert_eq!(rejected.retry_after(), Some(Duration::from_secs(60 - 6)));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_probe_shows_that_the_provider_works() {
    let provider = RecordingSender::new();
    let breaker = breaker(provider.clone());
    for n in 0..5 {
        provider.fail_next();
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    provider.limit_next(None);
    assert!(breaker.send(&sms_to(1)).await.unwrap_err().is_rate_limited());
    assert!(!breaker.is_open());
}

#[test]
fn settings_out_of_their_range_are_refused() {
    let good = BreakerSettings::default;
    let second = Duration::from_secs(1);
    let (zero, tick) = (Duration::ZERO, Duration::from_nanos(1));
    let day = Duration::from_secs(24 * 60 * 60);
    use InvalidBreakerSettings as Invalid;
    for (settings, expected) in [
        (good().with_failures(1, second), Some(Invalid::Failures)),
        (good().with_failures(2, zero), Some(Invalid::Duration)),
        (good().with_failures(2, second), None),
        (good().with_open_for(zero), Some(Invalid::Duration)),
        (good().with_call_timeout(zero), Some(Invalid::Duration)),
        (good().with_concurrent_calls(0, second), Some(Invalid::ConcurrentCalls)),
        (good().with_concurrent_calls(10_001, second), Some(Invalid::ConcurrentCalls)),
        (good().with_concurrent_calls(10_000, zero), None),
        (good().with_open_for(day), None),
        (good().with_open_for(day + tick), Some(Invalid::Duration)),
        (good().with_open_for(Duration::MAX), Some(Invalid::Duration)),
        (good().with_failures(2, day + tick), Some(Invalid::Duration)),
        (good().with_call_timeout(day + tick), Some(Invalid::Duration)),
        (good().with_concurrent_calls(32, day + tick), Some(Invalid::Duration)),
    ] {
        let breaker = CircuitBreaker::new(Arc::new(RecordingSender::new()), settings.clone());
        assert_eq!(breaker.err(), expected, "{settings:?}");
    }
}

/// Answers nobody before its gate is opened.
#[derive(Debug, Clone)]
struct Stuck(Arc<Semaphore>);

#[async_trait]
impl SmsSender for Stuck {
    fn text_limit(&self) -> TextLimit {
        TextLimit::new(70, 1)
    }

    async fn send(&self, _: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let _pass = self.0.acquire().await.unwrap();
        Err(SmsError::not_sent("open"))
    }

    async fn look_up(&self, _: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        let _pass = self.0.acquire().await.unwrap();
        Ok(LookUp::Absent)
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_is_given_up_and_the_outcome_is_unknown() {
    let breaker = breaker(Stuck(Arc::new(Semaphore::new(0))));
    let began = Instant::now();
    assert!(!breaker.send(&sms()).await.unwrap_err().is_not_sent());
    breaker.look_up(sms().reference(), SystemTime::UNIX_EPOCH).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(24));
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_run_at_once_than_allowed() {
    let breaker = Arc::new(breaker(Stuck(Arc::new(Semaphore::new(0)))));
    let waiting: Vec<_> = (0..32)
        .map(|_| {
            let breaker = Arc::clone(&breaker);
            tokio::spawn(async move { breaker.send(&sms()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let began = Instant::now();
    let error = breaker.send(&sms()).await.unwrap_err();
    assert!(error.is_not_sent(), "the 33rd never reached the provider");
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    for task in waiting {
        assert!(!task.await.unwrap().unwrap_err().is_not_sent());
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_dropped_lets_the_next_one_try() {
    let gate = Arc::new(Semaphore::new(100));
    let breaker = Arc::new(breaker(Stuck(Arc::clone(&gate))));
    for n in 0..5 {
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    let held = gate.acquire_many(100).await.unwrap();
    let trial = tokio::spawn({
        let breaker = Arc::clone(&breaker);
        async move { breaker.send(&sms()).await }
    });
    tokio::task::yield_now().await;
    trial.abort();
    assert!(trial.await.unwrap_err().is_cancelled());
    drop(held);
    let error = breaker.send(&sms()).await.unwrap_err();
    let source = std::error::Error::source(&error).expect("a source").to_string();
    assert_eq!(source, "open", "it reached the provider");
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
