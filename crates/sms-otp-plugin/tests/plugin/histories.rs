//! Random histories of a user's logins: whatever happens in whatever order, no code but the live one
//! satisfies the factor, and no limit on guessing or sending is passed.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use mfa_plugin_api::Step;
use proptest::{prelude::*, test_runner::TestCaseResult};

use crate::support::{Login, World};

#[derive(Debug, Clone)]
enum Event {
    Action(usize, &'static str),
    Begin(usize),
    FailNext,
    LoseNext,
    OldCode(usize, usize),
    Reload(usize),
    RightCode(usize),
    Wait(u64),
    WrongCode(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let login = 0..3_usize;
    let action = prop_oneof![Just("resend"), Just("new-code"), Just("other")];
    prop_oneof![
        3 => login.clone().prop_map(Event::Begin),
        4 => login.clone().prop_map(Event::WrongCode),
        1 => login.clone().prop_map(Event::RightCode),
        2 => (login.clone(), 0..4_usize).prop_map(|(login, code)| Event::OldCode(login, code)),
        3 => (login.clone(), action).prop_map(|(login, action)| Event::Action(login, action)),
        1 => login.prop_map(Event::Reload),
        1 => Just(Event::FailNext),
        1 => Just(Event::LoseNext),
        4 => prop_oneof![Just(1_u64), Just(15), Just(60), Just(180), Just(300), Just(901)]
            .prop_map(Event::Wait),
    ]
}

/// What the model knows: every code that went out, and when it was first sent.
#[derive(Default)]
struct Model {
    wrong_at: Vec<SystemTime>,
    sent_at: Vec<SystemTime>,
    first_sent: BTreeMap<String, SystemTime>,
}

impl Model {
    fn look(&mut self, world: &World) {
        let sent = world.sender.sent();
        for sms in &sent[self.sent_at.len()..] {
            let code = sms.code().expect("a code").to_owned();
            self.first_sent.entry(code).or_insert_with(|| world.clock.now());
            self.sent_at.push(world.clock.now());
        }
    }

    fn within(instants: &[SystemTime], now: SystemTime, span: Duration) -> usize {
        let is_recent = |at: &&SystemTime| now.duration_since(**at).is_ok_and(|age| age < span);
        instants.iter().filter(is_recent).count()
    }

    /// One answer: what it may and may not do.
    async fn answer(&mut self, world: &World, login: &Login<'_>, code: &str) -> TestCaseResult {
        let now = world.clock.now();
        let counted =
            || world.audit.names().iter().filter(|name| **name == "otp.wrong_code").count();
        let before = counted();
        let step = login.submit(code).await;
        if counted() > before {
            self.wrong_at.push(now);
        }
        if let Step::Done(_) = step {
            let last = world.sender.sent();
            prop_assert_eq!(last.last().and_then(|sms| sms.code()), Some(code), "the newest code");
            let since = now.duration_since(self.first_sent[code]).unwrap();
            prop_assert!(since < Duration::from_secs(300), "alive for {since:?}");
            // A success clears the counters of guessing.
            self.wrong_at.clear();
        }
        let quarter = Duration::from_secs(15 * 60);
        prop_assert!(Self::within(&self.wrong_at, now, quarter) <= 10, "too many guesses");
        Ok(())
    }
}

async fn live(events: Vec<Event>) -> TestCaseResult {
    let world = World::new();
    let logins = [world.login("f0"), world.login("f1"), world.login("f2")];
    let mut model = Model::default();
    for event in events {
        match event {
            Event::Action(n, action) => drop(logins[n].action(action).await),
            Event::Begin(n) => drop(logins[n].begin().await),
            Event::FailNext => world.sender.fail_next(),
            Event::LoseNext => world.sender.lose_next_answer(),
            Event::Reload(n) => drop(logins[n].status().await),
            Event::Wait(seconds) => world.advance(seconds),
            Event::RightCode(n) if !model.sent_at.is_empty() => {
                model.answer(&world, &logins[n], &world.code()).await?;
            }
            Event::WrongCode(n) if !model.sent_at.is_empty() => {
                model.answer(&world, &logins[n], &world.wrong_code()).await?;
            }
            Event::OldCode(n, back) if model.sent_at.len() > back => {
                let sent = world.sender.sent();
                let code = sent[sent.len() - 1 - back].code().expect("a code");
                model.answer(&world, &logins[n], code).await?;
            }
            Event::OldCode(..) | Event::RightCode(_) | Event::WrongCode(_) => {}
        }
        model.look(&world);
        // Five at once and one more each 12 minutes: never more than ten in an hour.
        let hour = Duration::from_secs(60 * 60);
        let sent = Model::within(&model.sent_at, world.clock.now(), hour);
        prop_assert!(sent <= 10, "{sent} messages in an hour");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_history_passes_a_limit(events in prop::collection::vec(event(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(live(events))?;
    }
}
