//! Single values of the configuration.

use std::net::SocketAddr;

use auth_module::PathPrefix;
use ipnet::IpNet;
use mfa_proxy::NormalPath;
use otp_core::message::Host;
use url::Url;

use super::reader::Refusal;

pub(crate) fn address(text: &str) -> Result<SocketAddr, Refusal> {
    text.parse().map_err(|_| {
        (format!("{text:?} is not an address with a port"), "write \"127.0.0.1:8080\"")
    })
}

pub(crate) fn net(text: &str) -> Result<IpNet, Refusal> {
    let alone = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| alone()).map_err(|_| {
        (format!("holds {text:?}, which is not a network"), "write \"10.0.0.0/8\" or one address")
    })
}

fn secure_url(text: &str, insecure: bool) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|_| {
        (format!("{text:?} is not a URL"), "write it with its scheme: \"https://…\"")
    })?;
    match url.scheme() {
        "https" => {}
        "http" if insecure => {}
        "http" => {
            let what = "is not https, so secrets would travel readable".to_owned();
            return Err((
                what,
                "use https, or set insecure_http = true for a test on this machine",
            ));
        }
        _ => return Err(("is neither http nor https".to_owned(), "write \"https://…\"")),
    }
    let has_extras = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if has_extras || url.host_str().is_none() {
        return Err((
            "carries more than scheme, host, port and path".to_owned(),
            "take user, query and fragment out",
        ));
    }
    Ok(url)
}

/// Scheme, host and port.
pub(crate) fn origin(text: &str, insecure: bool) -> Result<Url, Refusal> {
    let url = secure_url(text, insecure)?;
    if url.path() == "/" {
        Ok(url)
    } else {
        Err(("has a path".to_owned(), "write the origin alone: \"https://host\""))
    }
}

/// The base of an API.
pub(crate) fn base_url(text: &str, insecure: bool) -> Result<Url, Refusal> {
    secure_url(text, insecure)
}

pub(crate) fn host(text: &str) -> Result<Host, Refusal> {
    Host::new(text).map_err(|_| {
        (format!("{text:?} is not a host name"), "write it without scheme, port and path")
    })
}

/// A prefix of characters that have one spelling each (RFC 3986, section 2.3), so that no escape can
/// slip past it.
pub(crate) fn path_prefix(text: &str) -> Result<PathPrefix, Refusal> {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let is_normal = NormalPath::parse(text).is_ok_and(|path| path.as_str() == text);
    let is_plain = is_normal && text.ends_with('/') && text.bytes().all(is_unreserved);
    PathPrefix::parse(text).ok().filter(|_| is_plain).ok_or_else(|| {
        let remedy = "begin and end it with a slash, with letters, digits and - . _ ~ between";
        (format!("{text:?} is not a path prefix"), remedy)
    })
}

pub(crate) fn language(text: &str) -> Result<String, Refusal> {
    choice(&[("ja", "ja".to_owned()), ("en", "en".to_owned())])(text)
}

pub(crate) fn time_zone(text: &str) -> Result<String, Refusal> {
    jiff::tz::TimeZone::get(text).map(|_| text.to_owned()).map_err(|_| {
        (format!("{text:?} is not a known time zone"), "write an IANA name such as \"Asia/Tokyo\"")
    })
}

pub(crate) fn uuid(text: &str) -> Result<String, Refusal> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|g| g.len()).collect();
    let is_hex = groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_hexdigit()));
    if lengths == [8, 4, 4, 4, 12] && is_hex {
        Ok(text.to_owned())
    } else {
        Err(("is not a UUID".to_owned(), "copy all 36 characters"))
    }
}

pub(crate) fn log_filter(text: &str) -> Result<String, Refusal> {
    tracing_subscriber::EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_| {
        (format!("{text:?} is not a log filter"), "write \"info\" or \"info,mfa_gateway=debug\"")
    })
}

/// One of a fixed set of words.
pub(crate) fn choice<'c, T: Clone>(
    choices: &'c [(&'static str, T)],
) -> impl Fn(&str) -> Result<T, Refusal> + 'c {
    move |text| {
        choices.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone()).ok_or_else(
            || {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                (format!("{text:?} is none of {}", names.join(", ")), "use one of these words")
            },
        )
    }
}
