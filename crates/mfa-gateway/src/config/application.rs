//! `[application]`: the web application behind the gateway.

use std::{ops::RangeInclusive, time::Duration};

use mfa_proxy::{HeaderCase, HeaderFilter, NamePattern};
use url::Url;

use super::{
    document::{Reported, Section},
    duration::minutes,
    key::list_of,
    problem::Refusal,
    text,
};

const BYTES_PER_MIB: u64 = 1024 * 1024;

/// The range of a limit on request bodies, in MiB.
pub(super) const BODY_MIB_RANGE: RangeInclusive<u32> = 1..=4096;

/// Returns a limit on request bodies in bytes.
pub(super) fn body_bytes(mib: u32) -> u64 {
    u64::from(mib) * BYTES_PER_MIB
}

/// `[application]`
#[derive(Debug, Clone)]
pub struct Application {
    /// The origin of the application.
    pub url: Url,
    /// The size of the largest request body, in bytes.
    pub max_body_bytes: u64,
    /// The longest time until the application begins its response.
    pub timeout: Duration,
    /// The longest silence in a response.
    pub idle_timeout: Duration,
    /// Further origins whose pages may open WebSocket connections.
    pub websocket_origins: Vec<Url>,
    /// Which paths are passed on.
    pub paths: AcceptedPaths,
    /// Further names of headers that do not reach the application.
    pub drop_headers: Vec<NamePattern>,
    /// Names of headers that reach the application although they would be dropped.
    pub pass_headers: Vec<NamePattern>,
    /// Whether `GET` and `HEAD` requests may have a body.
    pub get_bodies: bool,
    /// How the names of headers are spelled.
    pub header_case: HeaderCase,
}

/// Which paths are passed on to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptedPaths {
    /// Every valid path. It needs what each of its readings needs.
    Any,
    /// Only paths that every server reads in the same way.
    OneReading,
}

const HEADER_NAMES: (&str, &str) = (
    "a list of names such as \"x-foo\" and \"x-foo-*\"",
    "\"x-foo\"、\"x-foo-*\"のような名前のリスト",
);

pub(super) fn read(section: &Section<'_>) -> Result<Application, Reported> {
    let url = section
        .key(
            "url",
            (
                "The origin of the application behind the gateway.",
                "ゲートウェイの背後にあるアプリケーションのオリジンです。",
            ),
        )
        .allowed(("an http:// or https:// origin", "http://またはhttps://のオリジン"))
        .required(
            "http://127.0.0.1:3000",
            (
                "write where the application listens: \"http://127.0.0.1:3000\"",
                "アプリケーションが待ち受けるアドレスを、\"http://127.0.0.1:3000\"のよう\
                 に書いてください",
            ),
            |text| text::origin(text, true),
        );
    let max_body_mib = section
        .key(
            "max_body_mib",
            (
                "The size of the largest request body that is passed on, in MiB.",
                "アプリケーションに渡すリクエスト本文の最大の大きさ（MiB）です。",
            ),
        )
        .number(10, BODY_MIB_RANGE);
    let timeout = section
        .key(
            "timeout",
            (
                "The longest time until the application begins its response. It runs from \
                 the end of the request.",
                "アプリケーションがレスポンスを始めるまでの最長時間です。リクエストの終わ\
                 りから数えます。",
            ),
        )
        .duration(minutes(1), Duration::from_secs(1)..=minutes(60));
    let idle_timeout = section
        .key(
            "idle_timeout",
            (
                "The longest silence in the middle of a response. It is for event streams too.",
                "レスポンスの途中で、何も届かない時間の上限です。イベントストリームにも適\
                 用します。",
            ),
        )
        .duration(minutes(10), Duration::from_secs(1)..=minutes(24 * 60));
    let websocket_origins = section
        .key(
            "websocket_origins",
            (
                "Further origins whose pages may open WebSocket connections. Pages of \
                 gateway.public_url and gateway.additional_origins always may.",
                "WebSocket接続を開ける、ほかのオリジンです。gateway.public_urlと\
                 gateway.additional_originsの画面は、いつでも開けます。",
            ),
        )
        .allowed(("a list of origins", "オリジンのリスト"))
        .list(&[], list_of(|text| text::origin(text, true)));
    let paths = section
        .key(
            "paths",
            (
                "\"strict\" refuses paths that servers read in different ways, such as \
                 /a//b, /a%2Fb and /50%25.pdf. \"any\" passes them on; they need what \
                 each reading needs (docs/paths.md).",
                "\"strict\"は、/a//b、/a%2Fb、/50%25.pdfのように、サーバーによって読み方\
                 が異なるパスを拒否します。\"any\"は、それぞれの読み方で必要なものを求め\
                 たうえで渡します（docs/paths.md）。",
            ),
        )
        .word(
            &[("any", AcceptedPaths::Any), ("strict", AcceptedPaths::OneReading)],
            AcceptedPaths::Any,
        );
    let drop_headers = section
        .key(
            "drop_headers",
            (
                "Further headers of clients that do not reach the application, in every \
                 spelling: names, or beginnings of names with * at the end (docs/headers.md).",
                "アプリケーションに渡さない、クライアントのヘッダーを追加します。どの綴りでも\
                 渡しません。名前か、末尾に*を付けた名前の先頭部分で書きます（docs/headers.md）。",
            ),
        )
        .allowed(HEADER_NAMES)
        .list(&[], list_of(pattern));
    let pass_headers = section
        .key(
            "pass_headers",
            (
                "Headers that reach the application although the gateway drops them by default, \
                 such as \"x-user-id\" or \"my_header\". Every client can send them. What the \
                 gateway sets itself never passes.",
                "既定では渡さないヘッダーのうち、アプリケーションに渡すものです（例：\"x-user-id\"、\
                 \"my_header\"）。これらはどのクライアントも送れます。ゲートウェイ自身が付けるヘッ\
                 ダーは渡しません。",
            ),
        )
        .allowed(HEADER_NAMES)
        .list(&[], list_of(passed));
    let get_bodies = section
        .key(
            "get_bodies",
            (
                "Passes on GET and HEAD requests with a body. Otherwise they get 400.",
                "本文のあるGETとHEADを渡します。falseのときは400を返します。",
            ),
        )
        .flag(false);
    let header_case = section
        .key(
            "header_case",
            (
                "\"preserve\" keeps how the names of headers are spelled, in both directions, \
                 for applications that tell SOAPAction from soapaction. \"lower\" writes them \
                 in lower case.",
                "\"preserve\"は、ヘッダー名の大文字と小文字を、どちらの方向でも保ちます。SOAPAction\
                 とsoapactionを区別するアプリケーションのためのものです。\"lower\"は小文字にします。",
            ),
        )
        .word(
            &[("lower", HeaderCase::Lower), ("preserve", HeaderCase::Preserve)],
            HeaderCase::Lower,
        );
    Ok(Application {
        url: url?,
        max_body_bytes: body_bytes(max_body_mib?),
        timeout: timeout?,
        idle_timeout: idle_timeout?,
        websocket_origins: websocket_origins?,
        paths: paths?,
        drop_headers: drop_headers?,
        pass_headers: pass_headers?,
        get_bodies: get_bodies?,
        header_case: header_case?,
    })
}

fn pattern(text: &str) -> Result<NamePattern, Refusal> {
    text.parse().map_err(|error| {
        let what = (
            format!("holds {text:?}, which {error}"),
            format!("{text:?}はヘッダー名として使えません"),
        );
        let remedy = (
            "write a name such as \"x-foo\", or \"x-foo-*\" for all that begin so",
            "\"x-foo\"のような名前か、そこから始まるすべてを表す\"x-foo-*\"を書いてください",
        );
        Refusal::new(what, remedy)
    })
}

fn passed(text: &str) -> Result<NamePattern, Refusal> {
    let pattern = pattern(text)?;
    if HeaderFilter::never_passes(&pattern) {
        let what = (
            format!("holds {text:?}, which the gateway sets itself"),
            format!("{text:?}は、ゲートウェイ自身が付けるヘッダーです"),
        );
        let remedy = (
            "remove it: the application gets the gateway's own header",
            "削除してください。アプリケーションには、ゲートウェイが付けたものが届きます",
        );
        return Err(Refusal::new(what, remedy));
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::{problems_in, read_from};

    #[test]
    fn names_of_headers_are_checked() {
        let given = "url = \"http://a\"\ndrop_headers = [\"X-Foo-*\"]\npass_headers = [\"my_header\", \"x-user-*\"]\n";
        let read_back = read_from(given, read).expect("valid");
        assert_eq!(read_back.drop_headers, ["x-foo-*".parse().expect("a pattern")]);
        for (key, name, what) in [
            (
                "drop_headers",
                "*",
                "which is not the name of a header, or the beginning of one and *; write",
            ),
            ("drop_headers", "x-*-y", "which is not the name of a header"),
            ("pass_headers", "a b", "which is not the name of a header"),
            ("pass_headers", "x-mfa-user", "which the gateway sets itself; remove it"),
            ("pass_headers", "X_Forwarded_For", "which the gateway sets itself"),
            ("pass_headers", "content_length", "which the gateway sets itself"),
        ] {
            let found =
                problems_in(&format!("url = \"http://a\"\n{key} = [{name:?}]\n"), read).join("\n");
            assert!(found.contains(&format!("{key}: holds {name:?}, {what}")), "{found}");
        }
    }
}
