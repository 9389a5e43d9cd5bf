//! Clients of a server on this machine, over the transport that a client takes by default.

use karaden_client::{Options, push, sms};

use crate::common::{SECURITY_CODE, TENANT, TOKEN, options};

pub(crate) fn sms_client(url: &str) -> sms::Client {
    sms_client_with(url, options())
}

pub(crate) fn sms_client_with(url: &str, options: Options) -> sms::Client {
    sms_client_of(url, TOKEN).with_options(options).build().expect("a client")
}

pub(crate) fn sms_client_of(url: &str, token: &str) -> sms::ClientBuilder {
    let service = sms::ServiceId::new(1).expect("positive");
    sms::Client::builder(TENANT, token, service).with_base_url(format!("{url}/api"))
}

pub(crate) fn push_client(url: &str) -> push::Client {
    push_client_of(url, TOKEN, SECURITY_CODE).with_options(options()).build().expect("a client")
}

pub(crate) fn push_client_of(url: &str, token: &str, security_code: &str) -> push::ClientBuilder {
    push::Client::builder(format!("{url}/v2/"), token, security_code)
}
