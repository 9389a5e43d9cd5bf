//! The users of the demo.

use auth_module::{AuthModule, LoginName, NewPassword, NewUser};
use mfa_gateway::time::{Clock, SystemRandomness};
use otp_core::PhoneNumber;
use secrecy::SecretString;
use serde::Serialize;

/// A user of the demo.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct DemoUser {
    pub(crate) username: &'static str,
    pub(crate) password: &'static str,
    pub(crate) phone: &'static str,
    #[serde(skip)]
    display_name: &'static str,
}

/// The demo prints these passwords. Never use them elsewhere.
pub(crate) const USERS: [DemoUser; 2] = [
    DemoUser {
        username: "alice",
        password: "alice-demo-pass",
        phone: "09012345678",
        display_name: "Alice",
    },
    DemoUser {
        username: "bob",
        password: "bob-demo-pass",
        phone: "08087654321",
        display_name: "Bob",
    },
];

/// Adds the users that the DB does not have yet.
pub(crate) async fn add(auth: &AuthModule, clock: &dyn Clock) -> anyhow::Result<()> {
    for user in USERS {
        let name = LoginName::parse(user.username)?;
        if auth.find_user(&name).await?.is_some() {
            continue;
        }
        let mut new = NewUser::new(name);
        user.display_name.clone_into(&mut new.display_name);
        new.phone_number = Some(PhoneNumber::from_japanese(user.phone)?);
        new.password = Some(NewPassword::Plain(SecretString::from(user.password)));
        auth.add_user(new, "demo", &SystemRandomness, clock.now()).await?;
    }
    Ok(())
}
