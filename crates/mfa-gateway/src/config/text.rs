//! Values that several sections share: free text and URLs.

use url::Url;

use super::problem::Refusal;

/// Accepts every text except a blank one.
pub(super) fn not_blank(text: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(
            ("is empty", "空です"),
            ("write a text, or remove the key", "文字を書くか、キーを削除してください"),
        ));
    }
    Ok(text.to_owned())
}

/// Parses the address of a page or a mailbox that pages link to.
pub(super) fn link(text: &str) -> Result<Url, Refusal> {
    let is_mailbox = |url: &Url| url.scheme() == "mailto" && url.path().contains('@');
    let is_page = |url: &Url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    };
    Url::parse(text).ok().filter(|url| is_page(url) || is_mailbox(url)).ok_or_else(|| {
        let what = (
            format!("{text:?} is not the https address of a page, nor a mailbox"),
            format!("{text:?}は、httpsのページのアドレスでも、メールアドレスでもありません"),
        );
        let remedy = (
            "write \"https://…\" or \"mailto:…@…\"",
            "\"https://…\"か\"mailto:…@…\"の形で書いてください",
        );
        Refusal::new(what, remedy)
    })
}

/// Parses the base URL of an API. `insecure` allows `http://`.
pub(super) fn base_url(text: &str, insecure: bool) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|_| {
        Refusal::new(
            (format!("{text:?} is not a URL"), format!("{text:?}はURLではありません")),
            (
                "write it with its scheme: \"https://…\"",
                "\"https://…\"のように、スキームから書いてください",
            ),
        )
    })?;
    match url.scheme() {
        "https" => {}
        "http" if insecure => {}
        "http" => {
            return Err(Refusal::new(
                (
                    "is not https, so secrets would travel unencrypted",
                    "httpsではないため、秘密の情報が暗号化されません",
                ),
                (
                    "use https, or set insecure_http = true for a test on this machine",
                    "httpsにしてください。このマシンでの試験に限り、insecure_http = trueも指\
                     定できます",
                ),
            ));
        }
        _ => {
            return Err(Refusal::new(
                ("is neither http nor https", "httpでもhttpsでもありません"),
                ("write \"https://…\"", "\"https://…\"の形で書いてください"),
            ));
        }
    }
    let has_extras = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if has_extras || url.host_str().is_none() {
        return Err(Refusal::new(
            (
                "has more than scheme, host, port and path",
                "スキーム、ホスト、ポート、パスのほかにも何か書かれています",
            ),
            (
                "remove user, query and fragment",
                "ユーザー名、クエリ、フラグメントを削除してください",
            ),
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
        Err(Refusal::new(
            ("has a path", "パスが付いています"),
            (
                "write only the origin: \"https://host\"",
                "\"https://host\"のように、オリジンだけを書いてください",
            ),
        ))
    }
}
