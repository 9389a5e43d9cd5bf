//! The SMS factor with words, a policy and limits of its own.
//!
//! ```text
//! cargo run -p sms-otp-plugin --example own_texts_and_policy
//! ```
//!
//! `karaden-sim` takes Karaden's place. No SMS is sent.
#![expect(clippy::print_stdout, reason = "the program shows what happens")]

use std::{error::Error, sync::Arc, time::Duration};

use karaden_client::sms;
use karaden_sim::{Sim, SimConfig, SmsProject};
use mfa_plugin_api::{
    ActionId, Arg, ClientFacts, Prompt, Services, Step, Subject, Submission, test_kit::TestLogin,
};
use otp_cache::{ChallengeStore, Quota, memory::MemoryStore};
use otp_core::{DigestKey, KeyId, KeyRing, Policy, PolicySettings, message::Host};
use sms_otp_plugin::{
    KaradenSmsSender, PseudonymKey, SendLimitSettings, SendLimits, SmsOtpConfig, SmsOtpPlugin,
    SmsTexts,
};
use sms_sender::{BreakerSettings, CircuitBreaker};

const MINUTE: Duration = Duration::from_secs(60);

/// Returns the settings of a factor whose Japanese words are `words`.
fn config(words: &str) -> Result<SmsOtpConfig, Box<dyn Error>> {
    // The words have `{code}` once, and `{service}` and `{minutes}` as needed. They replace those of the crate.
    let texts = SmsTexts::new("みどり銀行", Host::new("auth.example.jp")?)
        .with_words("ja", words)
        .with_words("ko", "{service} 인증번호 {code}");
    // Stricter than the default in attempts, and more patient in resends.
    let policy = Policy::new(PolicySettings {
        attempts_per_challenge: 3,
        attempts_per_subject: 6,
        locks: vec![30 * MINUTE, 60 * MINUTE],
        resends_per_challenge: 1,
        resend_cooldowns: vec![2 * MINUTE],
        ..PolicySettings::default()
    })?;
    let limits = SendLimitSettings::default().with_per_number(3, 6).with_per_user(3, 6);
    // In production read both keys from a file, so that codes and limits survive a restart.
    Ok(SmsOtpConfig::new(texts, PseudonymKey::random())
        .with_digits(8)?
        .with_lifetime(3 * MINUTE)?
        .with_policy(policy)
        .with_limits(SendLimits::new(&limits)?))
}

fn prompt(step: Step) -> Result<Prompt, String> {
    match step {
        Step::Prompt(prompt) => Ok(prompt),
        other => Err(format!("no prompt, but {other:?}")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Each text is checked at the start, with the longest values: never when a user waits for it.
    let limit = KaradenSmsSender::TEXT_LIMIT;
    let long = "【{service}】インターネットバンキングのログイン認証コードは{code}です。{minutes}分以内に入力してください。他人に教えないでください";
    let invalid = config(long)?.check_texts(limit).err().ok_or("the text is too long")?;
    println!("refused:  {}", invalid.template());
    let config = config("【{service}】認証コード {code}（{minutes}分有効）\n教えないでください")?;
    config.check_texts(limit)?;

    // The simulator's clock is moved together with that of the login.
    let project = SmsProject::default();
    let tenant = project.tenant_id.clone();
    let sim = Sim::start(SimConfig::deterministic().with_projects([project])).await?;
    let client = sms::Client::builder(tenant, "demo-token", sms::ServiceId::new(1)?)
        .with_base_url(sim.sms_url())
        .build()?;
    let sender =
        CircuitBreaker::new(Arc::new(KaradenSmsSender::new(client)), BreakerSettings::default())?;
    let keys = KeyRing::new(KeyId::new(1), DigestKey::random());
    let plugin = SmsOtpPlugin::new(config, keys, Arc::new(sender))?;

    // The host: it hands out the OTP cache, and calls the plugin with the facts of a login.
    let cache = Arc::new(MemoryStore::new());
    let services = Services::new()
        .with::<Arc<dyn ChallengeStore>>(cache.clone())
        .with::<Arc<dyn Quota>>(cache);
    let alice =
        Subject::new("bank", "alice").with_attribute(Subject::PHONE_NUMBER, "090-1234-5678");
    let login = TestLogin::new(&plugin, alice, services)
        .with_client(ClientFacts::new([192, 0, 2, 1].into(), "ja"));
    sim.set_now(login.now())?;

    prompt(login.begin().await?)?;
    let inbox = sim.inbox(None);
    let text = &inbox[0].body;
    println!("received: {}", text.replace('\n', " / "));
    let (_, code) = text.rsplit_once('#').ok_or("no code")?;
    assert_eq!(
        *text,
        format!(
            "【みどり銀行】認証コード {code}（3分有効）\n教えないでください\n@auth.example.jp #{code}"
        )
    );

    // A resend is allowed after two minutes, once.
    let resend = ActionId::new("resend");
    let early = prompt(login.action(&resend).await?)?;
    println!("resend:   {}", early.rejection.ok_or("resent at once")?.message.key());
    login.advance(2 * MINUTE);
    sim.set_now(login.now())?;
    prompt(login.action(&resend).await?)?;
    assert_eq!(sim.inbox(None).len(), 2);

    // Of three attempts two fail.
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    for left in [2, 1] {
        let rejected = prompt(login.submit(&Submission::new().with("code", wrong)).await?)?;
        let message = rejected.rejection.ok_or("a wrong code was accepted")?.message;
        assert_eq!(message.args().collect::<Vec<_>>(), [("attempts_left", &Arg::Count(left))]);
        println!("wrong:    {left} attempts are left");
    }
    let done = login.submit(&Submission::new().with("code", code)).await?;
    assert!(matches!(done, Step::Done(_)), "{done:?}");
    println!("accepted");

    sim.shutdown().await;
    Ok(())
}
