//! Clients of a server on this machine, over the transport that a client takes by default.

use karaden_client::{Options, push, sms, transport::ReqwestTransportBuilder};

use crate::common::{TENANT, TOKEN, contract, options};

pub(crate) fn sms_client(url: &str) -> sms::Client {
    sms_client_with(url, options())
}

pub(crate) fn sms_client_with(url: &str, options: Options) -> sms::Client {
    sms_client_of(url, TOKEN).with_options(options).build().expect("a client")
}

/// A client with a transport of these settings.
pub(crate) fn sms_client_over(
    url: &str,
    options: Options,
    transport: ReqwestTransportBuilder,
) -> sms::Client {
    let transport = transport.build().expect("a transport");
    let builder = sms_client_of(url, TOKEN).with_options(options);
    builder.with_transport(transport).build().expect("a client")
}

pub(crate) fn sms_client_of(url: &str, token: &str) -> sms::ClientBuilder {
    let service = sms::ServiceId::new(1).expect("positive");
    sms::Client::builder(TENANT, token, service).with_base_url(format!("{url}/api"))
}

pub(crate) fn push_client(url: &str) -> push::Client {
    push_client_of(url).with_options(options()).build().expect("a client")
}

pub(crate) fn push_client_of(url: &str) -> push::ClientBuilder {
    push::Client::builder(contract(&format!("{url}/v2/")))
}
