//! Clients of each transport there is, for a server on this machine.

use karaden_client::{Options, push, sms, transport::Transport};

use crate::common::{SECURITY_CODE, TENANT, TOKEN, options};

/// The transports. A test that takes one runs on each: see [`on_each_wire`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire {
    #[cfg(feature = "direct")]
    Direct,
    #[cfg(feature = "reqwest")]
    Reqwest,
}

impl Wire {
    fn transport(self, options: &Options) -> Box<dyn Transport> {
        match self {
            #[cfg(feature = "direct")]
            Self::Direct => Box::new(
                karaden_client::transport::DirectTransport::new(options).expect("a transport"),
            ),
            #[cfg(feature = "reqwest")]
            Self::Reqwest => Box::new(
                karaden_client::transport::ReqwestTransport::new(options).expect("a transport"),
            ),
        }
    }

    /// A client of the SMS API under `url`.
    pub(crate) fn sms(self, url: &str, options: Options) -> sms::Client {
        self.sms_of(url, TOKEN, options)
    }

    pub(crate) fn sms_of(self, url: &str, token: &str, options: Options) -> sms::Client {
        let service = sms::ServiceId::new(1).expect("positive");
        sms::Client::builder(TENANT, token, service)
            .with_base_url(format!("{url}/api"))
            .with_transport(self.transport(&options))
            .with_options(options)
            .build()
            .expect("a client")
    }

    /// A client of the push API under `url`.
    pub(crate) fn push(self, url: &str, options: Options) -> push::Client {
        self.push_of(url, (TOKEN, SECURITY_CODE), options)
    }

    pub(crate) fn push_of(
        self,
        url: &str,
        (token, code): (&str, &str),
        options: Options,
    ) -> push::Client {
        push::Client::builder(format!("{url}/v2/"), token, code)
            .with_transport(self.transport(&options))
            .with_options(options)
            .build()
            .expect("a client")
    }
}

/// A client of the SMS API over the transport that it takes by itself.
pub(crate) fn sms_client(url: &str) -> sms::Client {
    sms_client_with(url, options())
}

pub(crate) fn sms_client_with(url: &str, options: Options) -> sms::Client {
    let service = sms::ServiceId::new(1).expect("positive");
    sms::Client::builder(TENANT, TOKEN, service)
        .with_base_url(format!("{url}/api"))
        .with_options(options)
        .build()
        .expect("a client")
}

/// A client of the push API over the transport that it takes by itself.
pub(crate) fn push_client(url: &str) -> push::Client {
    push::Client::builder(format!("{url}/v2/"), TOKEN, SECURITY_CODE)
        .with_options(options())
        .build()
        .expect("a client")
}

/// Makes tests of functions that take a [`Wire`]: one for each transport and function.
macro_rules! on_each_wire {
    ($($test:ident),+ $(,)?) => {
        #[cfg(feature = "direct")]
        mod direct {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::wire::Wire::Direct).await;
            })+
        }

        #[cfg(feature = "reqwest")]
        mod reqwest {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::wire::Wire::Reqwest).await;
            })+
        }
    };
}
pub(crate) use on_each_wire;
