//! Values that several sections share: free text and URLs.

use url::Url;

use super::problem::Refusal;

/// Accepts every text except a blank one.
pub(super) fn not_blank(text: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new("is empty", "write a text, or remove the key"));
    }
    Ok(text.to_owned())
}

/// Parses the address of a page or a mailbox that pages link to.
pub(super) fn link(text: &str) -> Result<Url, Refusal> {
    let url =
        Url::parse(text).ok().filter(|url| ["https", "http", "mailto"].contains(&url.scheme()));
    url.ok_or_else(|| {
        let what = format!("{text:?} is not the address of a page or a mailbox");
        Refusal::new(what, "write \"https://…\" or \"mailto:…\"")
    })
}

/// Parses the base URL of an API. `insecure` allows `http://`.
pub(super) fn base_url(text: &str, insecure: bool) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|_| {
        Refusal::new(format!("{text:?} is not a URL"), "write it with its scheme: \"https://…\"")
    })?;
    match url.scheme() {
        "https" => {}
        "http" if insecure => {}
        "http" => {
            return Err(Refusal::new(
                "is not https, so secrets would travel unencrypted",
                "use https, or set insecure_http = true for a test on this machine",
            ));
        }
        _ => return Err(Refusal::new("is neither http nor https", "write \"https://…\"")),
    }
    let has_extras = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if has_extras || url.host_str().is_none() {
        return Err(Refusal::new(
            "has more than scheme, host, port and path",
            "remove user, query and fragment",
        ));
    }
    Ok(url)
}

/// Parses scheme, host and port. `insecure` allows `http://`.
pub(super) fn origin(text: &str, insecure: bool) -> Result<Url, Refusal> {
    let url = base_url(text, insecure)?;
    if url.path() == "/" {
        Ok(url)
    } else {
        Err(Refusal::new("has a path", "write only the origin: \"https://host\""))
    }
}
