//! A web application with a login of its own: a password, then a code by SMS.
//!
//! ```text
//! cargo run -p embedded-controller
//! ```
//!
//! It starts a server on a free port of the loopback address, logs a user in with a scripted browser, and
//! checks each step. No SMS is sent: the sender records the messages.
//!
//! - this file puts the parts together,
//! - `host.rs` is the server: routes, cookies, and what each step of a login becomes,
//! - `system.rs` is the clock and the random generator,
//! - `browser.rs` is the scripted browser.

mod browser;
mod host;
mod system;

use std::{net::SocketAddr, sync::Arc};

use auth_module::{
    Administration, AuthModule, AuthParts, AuthSettings, HashParameters, HashedPasswords,
    HasherLimits, LoginName, MemoryAuditTrail, MemorySessions, MemoryUsers, NewPassword, NewUser,
    PasswordHasher, PathPattern, PhoneTagKey, Policy, Requirement, Rule, UserAdded,
};
use axum::http::StatusCode;
use mfa_controller::Controller;
use mfa_plugin_api::{FactorId, MfaPlugin};
use otp_cache::{LocalNotifier, memory::MemoryStore};
use otp_core::{DigestKey, KeyId, KeyRing, PhoneNumber, message};
use secrecy::SecretString;
use sms_otp_plugin::{PseudonymKey, SMS_OTP, SmsOtpConfig, SmsOtpPlugin, SmsTexts};
use sms_sender::RecordingSender;
use tokio::sync::oneshot;

use crate::{
    browser::Browser,
    host::Host,
    system::{Result, SystemRandomness, key, now},
};

/// Where a browser without a session is sent.
const TO_LOGIN: &str = "/login?to=%2Freports%2Ftoday";

const PASSWORD: &str = "correct horse battery";

/// Everything below `/reports/` needs the password and a code. The other pages need a password.
fn policy() -> Result<Policy> {
    let both = Requirement::new([FactorId::PASSWORD, SMS_OTP])?;
    let reports = Rule::protected(PathPattern::parse("/reports/")?, both);
    let policy = Policy::new(Requirement::new([FactorId::PASSWORD])?, vec![reports]);
    policy.map_err(|unreachable| format!("{unreachable:?}").into())
}

/// The authentication module over stores in memory, with one user.
async fn auth_module() -> Result<Arc<AuthModule>> {
    let users = Arc::new(MemoryUsers::new());
    let hasher = PasswordHasher::new(HashParameters::default(), HasherLimits::default());
    let passwords = HashedPasswords::new(users.clone(), hasher.clone(), key()?);
    let otp_cache = Arc::new(MemoryStore::new());
    let auth = Arc::new(AuthModule::new(AuthParts {
        users: users.clone(),
        passwords: Arc::new(passwords),
        administration: Some(Administration { users, hasher }),
        sessions: Arc::new(MemorySessions::new(10_000)),
        otp_cache: otp_cache.clone(),
        notes: otp_cache,
        notifier: Arc::new(LocalNotifier::new()),
        audit: Arc::new(MemoryAuditTrail::new()),
        policy: policy()?,
        settings: AuthSettings::new("example", PhoneTagKey::from_bytes(key()?)),
    }));
    let mut alice = NewUser::new(LoginName::parse("alice")?);
    "Alice".clone_into(&mut alice.display_name);
    alice.password = Some(NewPassword::Plain(SecretString::from(PASSWORD)));
    alice.phone_number = Some(PhoneNumber::from_japanese("090-1234-5678")?);
    match auth.add_user(alice, "example", &SystemRandomness, now()).await? {
        UserAdded::Done(_) => Ok(auth),
        other => Err(format!("{other:?}").into()),
    }
}

/// The SMS factor. With a `KaradenSmsSender` as the sender, it sends messages.
fn sms_factor(sender: RecordingSender) -> Result<SmsOtpPlugin> {
    let texts = SmsTexts::new("Example", message::Host::new("auth.example.jp")?);
    let config = SmsOtpConfig::new(texts, PseudonymKey::from_bytes(&key()?)?);
    let keys = KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&key()?)?);
    Ok(SmsOtpPlugin::new(config, keys, Arc::new(sender))?)
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example prints what it does")]
async fn main() -> Result<()> {
    let phone = RecordingSender::new();
    let auth = auth_module().await?;
    // Another factor is one more element of this list, and its name in the policy.
    let factors: Vec<Arc<dyn MfaPlugin>> = vec![Arc::new(sms_factor(phone.clone())?)];
    let controller = Controller::new(Arc::clone(&auth), factors, Arc::new(SystemRandomness))?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let routes = host::routes(Host::new(auth, controller.clone())?);
    let (stop, stopped) = oneshot::channel::<()>();
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server.into_future());

    log_in(&mut Browser::new(url)?, &phone).await?;

    let _ = stop.send(());
    server.await??;
    // A login whose browser went away continues until it is recorded.
    controller.drain().await;
    println!("logged in with a password and a code, and logged out");
    Ok(())
}

/// What a user does, step by step.
async fn log_in(browser: &mut Browser, phone: &RecordingSender) -> Result<()> {
    let page = browser.get("/reports/today").await?;
    assert_eq!(page.redirect(), Some(TO_LOGIN), "no session yet");
    let name = ("username", "alice");
    let to = ("to", "/reports/today");

    let page = browser.post("/login", &[name, ("password", "wrong"), to]).await?;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "a wrong password");
    assert!(phone.sent().is_empty(), "no message for a wrong password");

    let page = browser.post("/login", &[name, ("password", PASSWORD), to]).await?;
    assert_eq!(page.redirect(), Some("/factor"), "the code comes next");
    assert_eq!(phone.sent().len(), 1, "one message");
    let page = browser.get("/factor").await?;
    assert_eq!(page.status, StatusCode::OK, "the code page");
    assert!(page.text.contains(r#"name="code""#), "it asks for the code");
    assert_eq!(phone.sent().len(), 1, "a reload sends nothing");
    let page = browser.get("/reports/today").await?;
    assert_eq!(page.redirect(), Some(TO_LOGIN), "a pending login opens nothing");

    let code = phone.sent()[0].code().ok_or("the message has a code")?.to_owned();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let page = browser.post("/factor", &[("code", wrong)]).await?;
    assert_eq!(page.redirect(), Some("/factor"), "a POST ends in a redirect");
    let page = browser.get("/factor").await?;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "a wrong code");

    let pending = browser.clone();
    let page = browser.post("/factor", &[("code", &code)]).await?;
    assert_eq!(page.redirect(), Some("/reports/today"), "where the user wanted to go");
    let page = browser.get("/reports/today").await?;
    assert_eq!((page.status, &*page.text), (StatusCode::OK, "Hello, Alice"), "the page itself");

    let page = pending.clone().post("/factor", &[("code", &code)]).await?;
    assert_eq!(page.redirect(), Some("/login"), "a code and a login are used once");

    let page = browser.post("/logout", &[]).await?;
    assert_eq!(page.redirect(), Some("/login"), "logged out");
    let page = browser.get("/reports/today").await?;
    assert_eq!(page.redirect(), Some(TO_LOGIN), "the session has ended");
    Ok(())
}
