//! Reads the account from the environment. No other module reads the environment or the clock.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::{SignedDuration, Timestamp};
use karaden_client::{
    Options, SecretString, push, sms,
    transport::{ReqwestTransport, Transport},
};

/// The values of the KARADEN_* variables.
#[derive(Debug)]
pub(crate) struct Settings {
    api: Option<String>,
    base_url: Option<String>,
    tenant: Option<String>,
    service_id: Option<String>,
    token: Option<SecretString>,
    push_base_url: Option<String>,
    push_token: Option<SecretString>,
    push_security_code: Option<SecretString>,
    proxy: Option<SecretString>,
    ca_file: Option<String>,
    carrier_fields: Option<String>,
}

impl Settings {
    /// Reads the KARADEN_* variables.
    pub(crate) fn from_environment() -> Result<Self> {
        Ok(Self {
            api: variable("KARADEN_API"),
            base_url: variable("KARADEN_BASE_URL"),
            tenant: variable("KARADEN_TENANT"),
            service_id: variable("KARADEN_SERVICE_ID"),
            token: secret("KARADEN_TOKEN")?,
            push_base_url: variable("KARADEN_PUSH_BASE_URL"),
            push_token: secret("KARADEN_PUSH_TOKEN")?,
            push_security_code: secret("KARADEN_PUSH_SECURITY_CODE")?,
            proxy: variable("KARADEN_PROXY").map(SecretString::from),
            ca_file: variable("KARADEN_CA_FILE"),
            carrier_fields: variable("KARADEN_CARRIER_FIELDS"),
        })
    }

    fn transport(&self) -> Result<impl Transport> {
        let mut builder = ReqwestTransport::builder();
        if let Some(proxy) = &self.proxy {
            builder = builder.with_proxy(proxy.clone());
        }
        if let Some(path) = &self.ca_file {
            let pem = fs::read(path).with_context(|| format!("KARADEN_CA_FILE {path}"))?;
            builder = builder.with_root_certificates_pem(pem);
        }
        Ok(builder.build()?)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads a secret from the variable `name`, or from the file that `name_FILE` names.
fn secret(name: &str) -> Result<Option<SecretString>> {
    let file_name = format!("{name}_FILE");
    match (variable(name), variable(&file_name)) {
        (Some(_), Some(_)) => bail!("{name} and {file_name} are both set"),
        (Some(value), None) => Ok(Some(value.into())),
        (None, Some(path)) => {
            let text = fs::read_to_string(&path).with_context(|| format!("{file_name} {path}"))?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).into()))
        }
        (None, None) => Ok(None),
    }
}

/// A client of one of the two APIs.
#[derive(Debug)]
pub(crate) enum Account {
    Sms(sms::Client),
    Push(push::Client),
}

impl Account {
    /// Makes the client for the API in the settings.
    pub(crate) fn from_settings(settings: &Settings) -> Result<Self> {
        let need = |value: &Option<String>, name: &str| {
            value.clone().ok_or_else(|| anyhow!("{name} is not set"))
        };
        let need_secret = |value: &Option<SecretString>, name: &str| {
            value.clone().ok_or_else(|| anyhow!("neither {name} nor {name}_FILE is set"))
        };
        let options = Options::default().with_user_agent_suffix("karaden-cli");
        match settings.api.as_deref().unwrap_or("sms") {
            "sms" => {
                let token = need_secret(&settings.token, "KARADEN_TOKEN")?;
                let service = need(&settings.service_id, "KARADEN_SERVICE_ID")?;
                let service = service.parse().context("KARADEN_SERVICE_ID is not a number")?;
                let service = sms::ServiceId::new(service)?;
                let tenant = need(&settings.tenant, "KARADEN_TENANT")?;
                let mut builder = sms::Client::builder(tenant, token, service)
                    .with_options(options)
                    .with_transport(settings.transport()?);
                if let Some(url) = &settings.base_url {
                    builder = builder.with_base_url(url);
                }
                Ok(Self::Sms(builder.build()?))
            }
            "push" => {
                let code = &settings.push_security_code;
                let credentials = push::Credentials::new()
                    .with_base_url(need(&settings.push_base_url, "KARADEN_PUSH_BASE_URL")?)
                    .with_token(need_secret(&settings.push_token, "KARADEN_PUSH_TOKEN")?)
                    .with_security_code(need_secret(code, "KARADEN_PUSH_SECURITY_CODE")?);
                let mut builder = push::Client::builder(credentials)
                    .with_options(options)
                    .with_transport(settings.transport()?);
                if let Some(fields) = &settings.carrier_fields {
                    builder = builder.with_carrier_fields(carrier_fields(fields)?);
                }
                Ok(Self::Push(builder.build()?))
            }
            _ => bail!("KARADEN_API must be `sms` or `push`"),
        }
    }

    /// Returns the client of the SMS API, for operations that 空電プッシュ does not have.
    pub(crate) fn sms(&self) -> Result<&sms::Client> {
        match self {
            Self::Sms(client) => Ok(client),
            Self::Push(_) => bail!("空電プッシュ has no such operation; set KARADEN_API=sms"),
        }
    }
}

/// Parses a list such as `docomo,softbank,au,option,rakuten`.
fn carrier_fields(text: &str) -> Result<Vec<push::CarrierField>> {
    let field = |word: &str| match word.trim() {
        "docomo" => Ok(push::CarrierField::Docomo),
        "softbank" => Ok(push::CarrierField::Softbank),
        "au" => Ok(push::CarrierField::Au),
        "option" => Ok(push::CarrierField::Option),
        "rakuten" => Ok(push::CarrierField::Rakuten),
        _ => bail!("KARADEN_CARRIER_FIELDS may contain docomo, softbank, au, option and rakuten"),
    };
    text.split(',').map(field).collect()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Parses a length of time such as `90s`, `5m` or `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from(duration).map_err(|_| "must not be negative".to_owned())
}

/// Parses an instant such as `2027-01-15T17:00:00+09:00`, or a time from now such as `5m`.
pub(crate) fn instant(text: &str) -> Result<SystemTime, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.into());
    }
    let ahead = duration(text).map_err(
        |_| "neither an instant like 2027-01-15T17:00:00+09:00 nor a time from now like 5m",
    )?;
    now().checked_add(ahead).ok_or_else(|| "too far ahead".to_owned())
}
