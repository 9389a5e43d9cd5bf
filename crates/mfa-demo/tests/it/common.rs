//! What the configurations of the tests share, and a gateway on free ports.

use std::{path::Path, sync::Arc};

use auth_module::{LoginName, NewPassword, NewUser};
use mfa_gateway::{
    builder::GatewayBuilder,
    config::Config,
    running::{Running, listen},
    time::{Clock, SystemRandomness},
};
use mfa_proxy::Listener;
use secrecy::SecretString;

pub(crate) const PASSWORD: &str = "correct horse battery";

const GATEWAY: &str = r#"
[gateway]
public_url = "ORIGIN"
insecure_http = true
data_dir = "."
secret = "a secret of the test: 32 bytes or more"
"#;

/// The keys, and a provider that is never called.
const SMS: &str = r#"
[[otp.key]]
id = 1
secret = "another secret of the test: 32 bytes"

[sms]
product_name = "Test"
host = "localhost"
insecure_http = true

[sms.karaden_sms]
base_url = "http://127.0.0.1:1/api"
tenant_id = "159bfd33-b9b7-f424-4755-c119b324591d"
token = "unused"
service_id = 1
"#;

/// A port for the site and one for operations.
pub(crate) struct Ports {
    site: Listener,
    operations: Listener,
    pub(crate) origin: String,
}

impl Ports {
    pub(crate) async fn free() -> Self {
        let loopback = "127.0.0.1:0".parse().expect("an address");
        let site = listen(loopback).await.expect("a port");
        let operations = listen(loopback).await.expect("a port");
        let origin = format!("http://{}", site.local_addr().expect("an address"));
        Self { site, operations, origin }
    }

    pub(crate) async fn start(self, builder: GatewayBuilder<'_>, clock: Arc<dyn Clock>) -> Running {
        builder.start(self.site, self.operations, clock).await.expect("it starts")
    }
}

/// Reads the configuration of a gateway at `origin`, with its rules and its application.
pub(crate) fn config(folder: &Path, origin: &str, more: &str) -> Config {
    let text = text(origin, more);
    Config::parse(&folder.join("gateway.toml"), &text).expect("a configuration")
}

/// Returns the text of that configuration.
pub(crate) fn text(origin: &str, more: &str) -> String {
    [&GATEWAY.replace("ORIGIN", origin), more, SMS].concat()
}

/// Returns a user who logs in with [`PASSWORD`].
pub(crate) fn user(name: &str) -> NewUser {
    let mut user = NewUser::new(LoginName::parse(name).expect("a name"));
    user.password = Some(NewPassword::Plain(SecretString::from(PASSWORD)));
    user
}

/// Adds a user to the gateway.
pub(crate) async fn add(gateway: &Running, user: NewUser, clock: &dyn Clock) {
    let added = gateway.auth().add_user(user, "test", &SystemRandomness, clock.now()).await;
    added.expect("a user");
}
