//! Reads the account from the environment. No other module reads the environment or the clock.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::{SignedDuration, Timestamp};
use karaden_client::{Options, SecretString, push, sms};

/// The values of the KARADEN_* variables.
#[derive(Debug)]
pub(crate) struct Settings {
    api: Option<String>,
    base_url: Option<String>,
    tenant_id: Option<String>,
    service_id: Option<String>,
    token: Option<SecretString>,
    security_code: Option<SecretString>,
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
            tenant_id: variable("KARADEN_TENANT_ID"),
            service_id: variable("KARADEN_SERVICE_ID"),
            token: secret("KARADEN_TOKEN")?,
            security_code: secret("KARADEN_SECURITY_CODE")?,
            proxy: variable("KARADEN_PROXY").map(SecretString::from),
            ca_file: variable("KARADEN_CA_FILE"),
            carrier_fields: variable("KARADEN_CARRIER_FIELDS"),
        })
    }

    fn options(&self) -> Result<Options> {
        use karaden_client::ExposeSecret as _;
        let mut options = Options::default().with_user_agent_suffix("karaden-cli");
        if let Some(proxy) = &self.proxy {
            options = options.with_proxy(proxy.expose_secret());
        }
        if let Some(path) = &self.ca_file {
            let pem = fs::read(path).with_context(|| format!("KARADEN_CA_FILE {path}"))?;
            options = options.with_root_certificates_pem(pem);
        }
        Ok(options)
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
        let token = settings
            .token
            .clone()
            .ok_or_else(|| anyhow!("neither KARADEN_TOKEN nor KARADEN_TOKEN_FILE is set"))?;
        let options = settings.options()?;
        match settings.api.as_deref().unwrap_or("sms") {
            "sms" => {
                let service = need(&settings.service_id, "KARADEN_SERVICE_ID")?;
                let service = service.parse().context("KARADEN_SERVICE_ID is not a number")?;
                let service = sms::ServiceId::new(service)?;
                let tenant = need(&settings.tenant_id, "KARADEN_TENANT_ID")?;
                let mut builder =
                    sms::Client::builder(tenant, token, service).with_options(options);
                if let Some(url) = &settings.base_url {
                    builder = builder.with_base_url(url);
                }
                Ok(Self::Sms(builder.build()?))
            }
            "push" => {
                let url = need(&settings.base_url, "KARADEN_BASE_URL")?;
                let code = settings
                    .security_code
                    .clone()
                    .ok_or_else(|| anyhow!("KARADEN_SECURITY_CODE is not set"))?;
                let mut builder = push::Client::builder(url, token, code).with_options(options);
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
