//! The SMS factor with its sender, made of the configuration.

use std::sync::Arc;

use karaden_client::{Options, push, sms};
use mfa_plugin_api::MfaPlugin;
use sms_otp_plugin::{KaradenPushSender, KaradenSmsSender, PseudonymKey, SendLimit, SmsOtpPlugin};
use sms_sender::{BreakerSettings, CircuitBreaker, SmsSender};

use crate::config::{Config, Sender};

/// The SMS factor, and the circuit breaker of its provider.
#[derive(Debug, Clone)]
pub(crate) struct SmsFactor {
    plugin: Arc<SmsOtpPlugin>,
    breaker: Arc<CircuitBreaker>,
}

impl SmsFactor {
    /// Makes the factor. `observer` is called for each message that a limit refuses.
    pub(crate) fn new(
        config: &Config,
        key: PseudonymKey,
        observer: impl Fn(SendLimit) + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let breaker = Arc::new(new_breaker(config)?);
        let keys = config.otp.keys.clone();
        let plugin = SmsOtpPlugin::new(config.sms_otp(key)?, keys, Arc::clone(&breaker) as _)?;
        Ok(Self { plugin: Arc::new(plugin.with_limit_observer(observer)), breaker })
    }

    /// Makes the factor of `config` in place of this one, which was made of `before`. What is known about the
    /// provider stays, unless it is another provider.
    pub(crate) fn reconfigured(
        &self,
        config: &Config,
        before: &Config,
        key: PseudonymKey,
    ) -> anyhow::Result<Self> {
        let breaker = if is_same_provider(&config.sms.sender, &before.sms.sender) {
            self.breaker.with_sender(sender(&config.sms.sender)?)
        } else {
            new_breaker(config)?
        };
        let breaker = Arc::new(breaker);
        let (settings, keys) = (config.sms_otp(key)?, config.otp.keys.clone());
        let plugin = self.plugin.reconfigured(settings, keys, Arc::clone(&breaker) as _)?;
        Ok(Self { plugin: Arc::new(plugin), breaker })
    }

    /// Returns the factor for the controller.
    pub(crate) fn plugin(&self) -> Arc<dyn MfaPlugin> {
        Arc::clone(&self.plugin) as _
    }
}

fn new_breaker(config: &Config) -> anyhow::Result<CircuitBreaker> {
    Ok(CircuitBreaker::new(sender(&config.sms.sender)?, BreakerSettings::default())?)
}

/// Whether both send through the same API at the same address. Accounts and keys may differ.
fn is_same_provider(one: &Sender, other: &Sender) -> bool {
    match (one, other) {
        (Sender::KaradenSms { base_url: one, .. }, Sender::KaradenSms { base_url: other, .. })
        | (
            Sender::KaradenPush { base_url: one, .. },
            Sender::KaradenPush { base_url: other, .. },
        ) => one == other,
        _ => false,
    }
}

fn sender(sender: &Sender) -> anyhow::Result<Arc<dyn SmsSender>> {
    // The configuration reader has already decided, key by key, whether plain HTTP is allowed.
    let options = |url: &url::Url| match url.scheme() {
        "http" => Options::default().dangerous_allow_http(),
        _ => Options::default(),
    };
    Ok(match sender {
        Sender::KaradenSms { base_url, tenant_id, token, service_id } => {
            let client = sms::Client::builder(tenant_id.as_str(), token.clone(), *service_id)
                .with_base_url(base_url.as_str())
                .with_options(options(base_url))
                .build()?;
            Arc::new(KaradenSmsSender::new(client))
        }
        Sender::KaradenPush {
            base_url,
            token,
            security_code,
            carrier_fields,
            tracks_single_messages,
            checks_number_history,
        } => {
            let credentials = push::Credentials::new()
                .with_base_url(base_url.as_str())
                .with_token(token.clone())
                .with_security_code(security_code.clone());
            let builder = push::Client::builder(credentials)
                .with_carrier_fields(carrier_fields.iter().copied())
                .with_options(options(base_url));
            let client = if *tracks_single_messages {
                builder.with_tracked_single_messages().build()?
            } else {
                builder.build()?
            };
            let sender = KaradenPushSender::new(client);
            Arc::new(if *checks_number_history { sender.with_number_history() } else { sender })
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use karaden_client::push::CarrierField;
    use karaden_sim::{PushAccount, Sim, SimConfig};
    use otp_core::{ChallengeId, PhoneNumber};
    use sms_sender::{DeliveryStatus, LookUp, OutgoingSms, Reference, SmsOutcome};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the simulator's clock is the machine's here")]
    fn now() -> SystemTime {
        SystemTime::now()
    }

    /// A contract that demands a text for Rakuten, and keeps the tracking code of single messages.
    #[tokio::test]
    async fn what_is_said_of_the_push_contract_reaches_the_sender() {
        let account = PushAccount::default().with_required_texts([CarrierField::Rakuten.as_str()]);
        let config = SimConfig::default().with_push_accounts([account.clone()]);
        let sim = Sim::start(config).await.expect("it starts");
        let of = |carrier_fields: &[CarrierField], is_full| {
            sender(&Sender::KaradenPush {
                base_url: format!("{}/v2", sim.url()).parse().expect("a URL"),
                token: account.token.clone(),
                security_code: account.security_code.clone(),
                carrier_fields: carrier_fields.to_vec(),
                tracks_single_messages: is_full,
                checks_number_history: is_full,
            })
            .expect("a sender")
        };
        let without = of(&[CarrierField::Docomo, CarrierField::Au], false);
        let with = of(&[CarrierField::Docomo, CarrierField::Rakuten], true);
        let phone = PhoneNumber::from_japanese("09012345678").expect("a number");
        let reference = Reference::new(ChallengeId::from_bytes([5; 16]), 0);
        let sms = OutgoingSms::new(phone, "code 123456".to_owned(), reference, now());

        let refused = without.send(&sms).await.expect("an answer");
        assert!(matches!(refused, SmsOutcome::Refused(_)), "{refused:?}");
        without.look_up(sms.reference(), now()).await.expect_err("no proof of absence");
        let absent = with.look_up(sms.reference(), now()).await.expect("an answer");
        assert_eq!(absent, LookUp::Absent);
        let sent = with.send(&sms).await.expect("an answer");
        assert!(matches!(sent, SmsOutcome::Accepted(_)), "{sent:?}");

        // The history of this number is checked.
        let phone = PhoneNumber::new("+819000000006").expect("a number");
        let reference = Reference::new(ChallengeId::from_bytes([5; 16]), 1);
        let sms = OutgoingSms::new(phone, "code 123456".to_owned(), reference, now())
            .with_phone_since(SystemTime::UNIX_EPOCH);
        with.send(&sms).await.expect("an answer");
        let found = with.look_up(sms.reference(), now()).await.expect("an answer");
        let LookUp::Present(report) = found else { panic!("absent") };
        assert_eq!(report.status, DeliveryStatus::ChangedHands);
        sim.shutdown().await;
    }
}
