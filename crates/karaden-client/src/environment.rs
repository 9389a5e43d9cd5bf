//! Environment variables, for `from_env` of both builders. No other place of this crate reads them.

use std::env::VarError;

use crate::error::Error;

/// Where variables are looked up.
pub(crate) struct Variables(Box<LookUp>);

type LookUp = dyn Fn(&str) -> Result<String, VarError>;

impl Variables {
    /// Returns the variables of this process.
    pub(crate) fn of_the_process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the caller asked for the environment")]
        Self(Box::new(|name| std::env::var(name)))
    }

    /// Returns the value of a variable that must be set.
    pub(crate) fn required(&self, name: &'static str) -> Result<String, Error> {
        self.optional(name)?.ok_or_else(|| problem(name, "is not set"))
    }

    /// Returns the value of a variable without the white space around it, such as the line break of a file that
    /// it was read from. An empty one counts as absent.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<String>, Error> {
        match self.0(name) {
            Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_hidden)) => Err(problem(name, "is not valid Unicode")),
        }
    }
}

/// Returns the error about a variable, without its value.
pub(crate) fn problem(name: &'static str, what: &'static str) -> Error {
    Error::config(format!("the environment variable {name} {what}"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::{ErrorKind, push, sms};

    /// Every variable, except the one that is missing.
    fn all_but(missing: &'static str) -> Variables {
        let values = [
            ("KARADEN_TENANT", "tenant-1"),
            ("KARADEN_TOKEN", "SECRET-1"),
            ("KARADEN_SERVICE_ID", "3"),
            ("KARADEN_PUSH_BASE_URL", "https://karaden.example/v2/"),
            ("KARADEN_PUSH_TOKEN", "SECRET-2"),
            ("KARADEN_PUSH_SECURITY_CODE", "SECRET-3"),
        ];
        let absent = Err(VarError::NotPresent);
        let look_up = move |name: &str| match values.iter().find(|(known, _)| *known == name) {
            Some(_) if name == missing => Ok(String::new()),
            Some((_, value)) => Ok((*value).to_owned()),
            None => absent.clone(),
        };
        Variables(Box::new(look_up))
    }

    fn shown(error: &Error) -> String {
        assert!(format!("{error:?}").contains("KARADEN_"), "{error:?}");
        assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
        error.to_string()
    }

    #[test]
    fn each_missing_variable_is_named() {
        for name in ["KARADEN_TENANT", "KARADEN_TOKEN", "KARADEN_SERVICE_ID"] {
            let error = sms::ClientBuilder::from_variables(&all_but(name)).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(shown(&error).contains(&format!("{name} is not set")), "{}", shown(&error));
            assert!(!shown(&error).contains("SECRET"), "{}", shown(&error));
        }
        for name in ["KARADEN_PUSH_BASE_URL", "KARADEN_PUSH_TOKEN", "KARADEN_PUSH_SECURITY_CODE"] {
            let error = push::ClientBuilder::from_variables(&all_but(name)).expect_err(name);
            assert!(shown(&error).contains(&format!("{name} is not set")), "{}", shown(&error));
            assert!(!shown(&error).contains("SECRET"), "{}", shown(&error));
        }
        assert!(sms::ClientBuilder::from_variables(&all_but("")).is_ok());
        assert!(push::ClientBuilder::from_variables(&all_but("")).is_ok());
    }

    #[test]
    fn white_space_around_a_value_is_dropped() {
        let padded = |name: &str| {
            Ok(match name {
                "KARADEN_SERVICE_ID" => " 3\n",
                "KARADEN_BASE_URL" => " \t",
                "KARADEN_PUSH_BASE_URL" => " https://karaden.example/v2/\n",
                _ => "\tvalue\r\n",
            }
            .to_owned())
        };
        let variables = Variables(Box::new(padded));
        assert_eq!(variables.required("KARADEN_TOKEN").expect("a value"), "value");
        assert_eq!(variables.optional("KARADEN_BASE_URL").expect("blank"), None);
        let client = sms::ClientBuilder::from_variables(&variables).expect("all are set");
        let transport = || crate::transport::ScriptedTransport::new([]);
        assert!(client.with_transport(transport()).build().is_ok());
        let client = push::ClientBuilder::from_variables(&variables).expect("all are set");
        assert!(client.with_transport(transport()).build().is_ok());

        let blank = Variables(Box::new(|_: &str| Ok(" \n".to_owned())));
        let error = blank.required("KARADEN_TOKEN").expect_err("blank");
        assert!(shown(&error).contains("KARADEN_TOKEN is not set"), "{}", shown(&error));
    }

    #[test]
    fn a_blank_token_is_refused() {
        let transport = || crate::transport::ScriptedTransport::new([]);
        let service_id = sms::ServiceId::new(3).expect("positive");
        for (token, code) in [("", "code"), (" \t", "code"), ("token", ""), ("token", "\n")] {
            let credentials = push::Credentials::new()
                .with_base_url("https://karaden.example/v2/")
                .with_token(token)
                .with_security_code(code);
            let client = push::Client::builder(credentials).with_transport(transport()).build();
            assert_eq!(client.expect_err(token).kind(), ErrorKind::Config, "{token:?} {code:?}");
            let client = sms::Client::builder("tenant-1", token, service_id);
            let client = client.with_transport(transport()).build();
            assert_eq!(client.is_ok(), token == "token", "{token:?}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_used_is_not_shown() {
        let not_unicode = |_: &str| Err(VarError::NotUnicode(OsString::from("SECRET")));
        let variables = Variables(Box::new(not_unicode));
        let error = variables.required("KARADEN_TOKEN").expect_err("not Unicode");
        assert!(shown(&error).contains("KARADEN_TOKEN is not valid Unicode"), "{}", shown(&error));
        assert!(!shown(&error).contains("SECRET"), "{}", shown(&error));

        let zero = |_: &str| Ok("0".to_owned());
        let error = sms::ClientBuilder::from_variables(&Variables(Box::new(zero)));
        let shown = shown(&error.expect_err("no service id"));
        assert!(shown.contains("KARADEN_SERVICE_ID is not a positive number"), "{shown}");
    }
}
