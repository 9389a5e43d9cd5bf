//! `[gateway]`: listeners, names and the main secret.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use http::HeaderValue;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use mfa_pages::{Language, PerLanguage};
use mfa_proxy::{ListenAddress, UNIX_PEER};
use secrecy::SecretString;
use url::Url;

use super::{
    document::{Reported, Section},
    duration::minutes,
    key::{list_of, word},
    problem::Refusal,
    text,
    warning::WarningKind,
};

/// The shortest main secret. The keys derived from it have 32 bytes.
const MIN_SECRET_BYTES: usize = 32;

const LISTEN_ADDRESS: (&str, &str) = (
    "an IP address or a host name with a port, or unix: with a path",
    "IPアドレスまたはホスト名とポート、またはunix:とパス",
);

/// `[gateway]`
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The origin that browsers see.
    pub public_url: Url,
    /// Further origins under which browsers reach the same pages.
    pub additional_origins: Vec<Url>,
    /// The address of the public listener.
    pub listen: ListenAddress,
    /// The address of the listener for health and metrics.
    pub ops_listen: ListenAddress,
    /// Names by which the listener for health and metrics can be reached, besides addresses and loopback names.
    pub ops_hosts: Vec<String>,
    /// The permissions of Unix sockets.
    pub socket_mode: u32,
    /// The value of `Strict-Transport-Security`; `None` if the application sets it.
    pub hsts: Option<HeaderValue>,
    /// The networks of the proxies whose `X-Forwarded-For` is used.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest time from a signal to the end of the process.
    pub stop_timeout: Duration,
    /// The folder of the databases.
    pub data_dir: PathBuf,
    /// The name of the service on every page.
    pub service_name: PerLanguage<String>,
    /// The language for browsers that ask for no language of the pages.
    pub default_language: Language,
    /// The time zone of the clock times on pages.
    pub time_zone: TimeZone,
    /// The address of a help page, or a `mailto:` address.
    pub support_url: Option<Url>,
    /// The secret that internal keys are derived from.
    pub secret: SecretString,
    /// The warnings that the operator has accepted.
    pub accepted_warnings: Vec<WarningKind>,
}

pub(super) fn read(section: &Section<'_>) -> Result<Gateway, Reported> {
    let insecure_http = section
        .key(
            "insecure_http",
            (
                "Allows http:// in public_url and additional_origins. Only for a test on \
                 one machine: cookies and codes travel unencrypted.",
                "public_urlとadditional_originsにhttp://を使えるようにします。1台のマシン\
                 での試験専用です。Cookieと認証コードが暗号化されません。",
            ),
        )
        .flag(false);
    let insecure = insecure_http.unwrap_or(false);
    let public_url = section
        .key(
            "public_url",
            (
                "The origin that browsers see. Links, cookies and the check of the Origin \
                 header use it.",
                "ブラウザーから見たオリジンです。リンク、Cookie、Originヘッダーの検査に使\
                 います。",
            ),
        )
        .allowed(("an https:// origin", "https://のオリジン"))
        .required(
            "https://login.example.jp",
            (
                "write the origin that browsers see: \"https://…\"",
                "ブラウザーから見たオリジンを、\"https://…\"の形で書いてください",
            ),
            |text| text::origin(text, insecure),
        );
    let additional_origins = section
        .key(
            "additional_origins",
            (
                "Further origins under which browsers reach this gateway.",
                "ブラウザーがこのゲートウェイに届く、ほかのオリジンです。",
            ),
        )
        .allowed(("a list of https:// origins", "https://のオリジンのリスト"))
        .renamed_from("more_origins")
        .list(&[], list_of(|text| text::origin(text, insecure)));
    let listen = section
        .key(
            "listen",
            (
                "The address for requests of browsers. TLS ends at a proxy in front of \
                 the gateway. A name means all of its addresses, and [::] means IPv4 too.",
                "ブラウザーのリクエストを待ち受けるアドレスです。TLSは、ゲートウェイの手\
                 前のプロキシが終端します。ホスト名はそのすべてのアドレスを、[::]はIPv4も\
                 含みます。",
            ),
        )
        .allowed(LISTEN_ADDRESS)
        .or("127.0.0.1:8080", |text| address(section, text));
    let ops_listen = section
        .key(
            "ops_listen",
            (
                "The address of /healthz, /readyz and /metrics. Keep it unreachable from \
                 the Internet.",
                "/healthz、/readyz、/metricsのアドレスです。インターネットから届かないよ\
                 うにしてください。",
            ),
        )
        .allowed(LISTEN_ADDRESS)
        .or("127.0.0.1:9090", |text| address(section, text));
    let ops_hosts = section
        .key(
            "ops_hosts",
            (
                "Host names by which ops_listen is reached. IP addresses and names of \
                 the loopback interface always are accepted; every other name gets 421.",
                "ops_listenに接続するときのホスト名です。IPアドレスとループバックの名前は\
                 いつでも使えます。ほかの名前には421を返します。",
            ),
        )
        .allowed(("a list of host names", "ホスト名のリスト"))
        .list(&[], list_of(host));
    let socket_mode = section
        .key(
            "socket_mode",
            (
                "Who may connect to the Unix sockets of listen and ops_listen: \"0600\" \
                 the gateway's user, \"0660\" its group too, \"0666\" every user of the \
                 machine.",
                "listenとops_listenのUnixソケットに接続できるユーザーです。\"0600\"はゲート\
                 ウェイのユーザー、\"0660\"はそのグループも、\"0666\"はこの機械のすべてのユ\
                 ーザーです。",
            ),
        )
        .word(&[("0600", 0o600), ("0660", 0o660), ("0666", 0o666)], 0o660);
    let hsts = section
        .key(
            "hsts",
            (
                "The header Strict-Transport-Security of every response, in place of the \
                 application's own. \"off\" leaves it to the application. It is never \
                 sent if one of the origins is http://.",
                "すべての応答に付けるStrict-Transport-Securityヘッダーです。アプリケーショ\
                 ンのものと置き換えます。\"off\"のときはアプリケーションに任せます。オリ\
                 ジンのどれかがhttp://のときは付けません。",
            ),
        )
        .allowed((
            "\"off\", or max-age=SECONDS with includeSubDomains and preload",
            "\"off\"、またはmax-age=秒数（includeSubDomains、preloadを付けられる）",
        ))
        .or("max-age=31536000; includeSubDomains", hsts);
    let trusted_proxies = section
        .key(
            "trusted_proxies",
            (
                "Networks of your reverse proxies, such as \"10.0.0.0/8\". \
                 X-Forwarded-For is used only when the peer is in this list; otherwise \
                 the peer is the client. \"unix\" stands for the peers on a Unix socket.",
                "自分のリバースプロキシのネットワークです（例：\"10.0.0.0/8\"）。接続元が\
                 このリストにあるときだけX-Forwarded-Forを使い、それ以外は接続元をクライ\
                 アントとみなします。\"unix\"は、Unixソケットの接続元を表します。",
            ),
        )
        .allowed((
            "a list of networks, IP addresses and \"unix\"",
            "ネットワーク、IPアドレス、\"unix\"のリスト",
        ))
        .list(&[], list_of(network));
    let stop_timeout = section
        .key(
            "stop_timeout",
            (
                "The longest time from SIGTERM to the end of the process. Load balancers \
                 have the first quarter of it to notice that /readyz fails, running \
                 requests have half of it.",
                "SIGTERMからプロセスの終了までの最長時間です。最初の4分の1は、ロードバラ\
                 ンサーが/readyzの失敗に気づくための時間、半分は、処理中のリクエストのた\
                 めの時間です。",
            ),
        )
        .duration(Duration::from_secs(8), Duration::from_secs(1)..=minutes(10));
    let data_dir = section
        .key(
            "data_dir",
            (
                "The folder of the databases. Only the gateway may read it.",
                "データベースのフォルダーです。ゲートウェイだけが読めます。",
            ),
        )
        .path(
            "/var/lib/mfa-gateway",
            (
                "name a folder that the gateway may write to",
                "ゲートウェイが書き込めるフォルダーを指定してください",
            ),
        );
    let service_name = section
        .key(
            "service_name",
            (
                "The name of the service, shown on every page. In a long Japanese name, \
                 \\u200B marks where a line may break.",
                "すべての画面に表示するサービス名です。長い日本語の名前では、\\u200Bの位\
                 置で改行できます。",
            ),
        )
        .per_language_or("MFA", text::not_blank);
    let default_language = section
        .key(
            "default_language",
            (
                "The language for browsers that ask for neither Japanese nor English.",
                "日本語も英語も求めないブラウザーに使う言語です。",
            ),
        )
        .word(&Language::ALL.map(|language| (language.tag(), language)), Language::Ja);
    let time_zone = section
        .key(
            "time_zone",
            (
                "The time zone of the clock times on pages.",
                "画面に表示する時刻のタイムゾーンです。",
            ),
        )
        .allowed(("an IANA name", "IANAの名前"))
        .or("Asia/Tokyo", time_zone);
    let support_url = section
        .key(
            "support_url",
            (
                "Where users find help. Pages link to it.",
                "お問い合わせ窓口のページかメールアドレスです。画面からリンクします。",
            ),
        )
        .allowed(("an https:// or mailto: address", "https://またはmailto:のアドレス"))
        .renamed_from("support")
        .optional("https://example.jp/help", ("not set", "設定なし"), text::link);
    let accepted_warnings = section
        .key(
            "accepted_warnings",
            (
                "Warnings that are meant so, by the names that check-config prints in \
                 brackets. They are not shown any more.",
                "意図したものとして承認する警告です。check-configが角かっこで表示する名前\
                 を並べます。承認した警告は表示されません。",
            ),
        )
        .allowed(("a list of names such as \"ops-address\"", "\"ops-address\"のような名前のリスト"))
        .list(&[], list_of(warning_kind));
    let world_readable = section
        .key(
            "secrets_may_be_world_readable",
            (
                "Set to true where every file of a secret has mode 0444, as some \
                 containers have it, and only the gateway runs there. On a file system \
                 that is mounted read-only it is not needed.",
                "秘密情報のファイルがすべて0444になるコンテナーで、ゲートウェイだけが動く\
                 ときにtrueにします。読み取り専用でマウントしたファイルシステムでは不要で\
                 す。",
            ),
        )
        .flag(false);
    if world_readable == Ok(true) {
        section.allow_world_readable_secrets();
    }
    let secret = section
        .key(
            "secret",
            (
                "The secret that form tokens, pseudonyms in logs and other internal keys \
                 are derived from. It is the same on every node. Make one with: openssl \
                 rand -base64 48",
                "フォームのトークン、ログの仮名、そのほかの内部の鍵のもとになる秘密情報で\
                 す。すべてのノードで同じ値にします。作り方：openssl rand -base64 48",
            ),
        )
        .secret("master.key", MIN_SECRET_BYTES);
    insecure_http?;
    world_readable?;
    Ok(Gateway {
        public_url: public_url?,
        additional_origins: additional_origins?,
        listen: listen?,
        ops_listen: ops_listen?,
        ops_hosts: ops_hosts?,
        socket_mode: socket_mode?,
        hsts: hsts?,
        trusted_proxies: trusted_proxies?,
        stop_timeout: stop_timeout?,
        data_dir: data_dir?,
        service_name: service_name?,
        default_language: default_language?,
        time_zone: time_zone?,
        support_url: support_url?,
        secret: secret?,
        accepted_warnings: accepted_warnings?,
    })
}

/// Parses an address to listen on. The path of a Unix socket is relative to the folder of the file.
fn address(section: &Section<'_>, text: &str) -> Result<ListenAddress, Refusal> {
    let address: ListenAddress = text.parse().map_err(|problem| {
        let what = (
            format!("{text:?} {problem}"),
            format!(
                "{text:?}は、IPアドレスまたはホスト名とポートでも、unix:とパスでもありません"
            ),
        );
        let remedy = (
            "write \"127.0.0.1:8080\" or \"unix:/run/mfa-gateway/gateway.sock\"",
            "\"127.0.0.1:8080\"か\"unix:/run/mfa-gateway/gateway.sock\"のように書いてくだ\
             さい",
        );
        Refusal::new(what, remedy)
    })?;
    Ok(match address {
        ListenAddress::Unix(path) => ListenAddress::Unix(section.resolve(&path)),
        other => other,
    })
}

fn warning_kind(text: &str) -> Result<WarningKind, Refusal> {
    word(&WarningKind::ALL.map(|kind| (kind.name(), kind)), text)
}

fn host(text: &str) -> Result<String, Refusal> {
    let is_name = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name {
        return Ok(text.to_owned());
    }
    let what = (
        format!("holds {text:?}, which is not a host name"),
        format!("{text:?}はホスト名ではありません"),
    );
    let remedy = (
        "write a name without scheme and port, such as \"gateway.internal\"",
        "\"gateway.internal\"のように、スキームとポートのない名前を書いてください",
    );
    Err(Refusal::new(what, remedy))
}

/// Reads the directives of RFC 6797, section 6.1.
fn hsts(text: &str) -> Result<Option<HeaderValue>, Refusal> {
    if text == "off" {
        return Ok(None);
    }
    let refusal = || {
        let what = (
            format!("{text:?} is no list of directives for Strict-Transport-Security"),
            format!("{text:?}はStrict-Transport-Securityの指定ではありません"),
        );
        let remedy = (
            "write \"max-age=31536000; includeSubDomains\", or \"off\"",
            "\"max-age=31536000; includeSubDomains\"か\"off\"を書いてください",
        );
        Refusal::new(what, remedy)
    };
    let directives: Vec<&str> = text.split(';').map(str::trim).collect();
    let is_age = |directive: &&str| {
        let age = directive.strip_prefix("max-age=");
        age.is_some_and(|age| age.bytes().all(|b| b.is_ascii_digit()) && age.parse::<u64>().is_ok())
    };
    let (ages, flags): (Vec<&str>, Vec<&str>) = directives.into_iter().partition(is_age);
    let mut known = flags.clone();
    known.sort_unstable();
    known.dedup();
    let is_valid = ages.len() == 1
        && known.len() == flags.len()
        && known.iter().all(|flag| matches!(*flag, "includeSubDomains" | "preload"));
    if !is_valid {
        return Err(refusal());
    }
    HeaderValue::from_str(text).map(Some).map_err(|_| refusal())
}

fn network(text: &str) -> Result<IpNet, Refusal> {
    if text == "unix" {
        return Ok(UNIX_PEER.ip().into());
    }
    let one_address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| one_address()).map_err(|_| {
        let what = (
            format!("holds {text:?}, which is not a network"),
            format!("{text:?}はネットワークではありません"),
        );
        let remedy = (
            "use CIDR notation such as \"10.0.0.0/8\", or one address",
            "\"10.0.0.0/8\"のようなCIDR表記か、1つのアドレスで書いてください",
        );
        Refusal::new(what, remedy)
    })
}

fn time_zone(text: &str) -> Result<TimeZone, Refusal> {
    TimeZone::get(text).map_err(|_| {
        let what = (
            format!("{text:?} is not a known time zone"),
            format!("{text:?}というタイムゾーンはありません"),
        );
        let remedy = (
            "write an IANA name such as \"Asia/Tokyo\"",
            "\"Asia/Tokyo\"のようなIANAの名前で書いてください",
        );
        Refusal::new(what, remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::problems_in;

    fn problems(text: &str) -> String {
        let required = "public_url = \"https://a.example\"\ndata_dir = \"data\"\nsecret = \
                        \"0123456789abcdef0123456789abcdef\"\n";
        problems_in(&format!("{required}{text}"), read).join("\n")
    }

    #[test]
    fn each_wrong_value_is_named() {
        let found = problems(
            r#"listen = "8080"
trusted_proxies = ["10.0.0.1", "10.0.0.0/33"]
default_language = "fr"
time_zone = "Asia/Kyoto"
support_url = "javascript:alert(1)"
additional_origins = ["http://a.example"]
service_name = " "
"#,
        );
        for start in [
            "4:10: listen: \"8080\" is neither an IP address nor a host name with a port, ",
            "5:19: trusted_proxies: holds \"10.0.0.0/33\", which is not a network; ",
            "6:20: default_language: \"fr\" is none of ja, en; ",
            "7:13: time_zone: \"Asia/Kyoto\" is not a known time zone; ",
            "8:15: support_url: \"javascript:alert(1)\" is not the https address of a page",
            "9:22: additional_origins: is not https, ",
            "10:16: service_name: is empty; ",
        ] {
            assert!(found.contains(start), "{start} is missing in {found}");
        }
        assert_eq!(found.lines().count(), 7, "{found}");
    }

    #[test]
    fn hsts_is_off_or_has_one_age_and_known_directives() {
        for good in [
            "off",
            "max-age=0",
            "max-age=63072000",
            "max-age=31536000; includeSubDomains",
            "includeSubDomains ;max-age=31536000; preload",
        ] {
            assert_eq!(problems(&format!("hsts = \"{good}\"\n")), "");
        }
        for bad in [
            "",
            "on",
            "Off",
            "includeSubDomains",
            "max-age=",
            "max-age=-1",
            "max-age=1y",
            "max-age=99999999999999999999",
            "max-age=1; max-age=2",
            "max-age=1; includeSubDomains; includeSubDomains",
            "max-age=1; includeSubdomain",
            "max-age=1;",
            "max-age=1, includeSubDomains",
            "max-age=1\\r\\nX: 1",
        ] {
            let found = problems(&format!("hsts = \"{bad}\"\n"));
            assert!(found.contains(": hsts: "), "{bad}: {found}");
        }
    }

    #[test]
    fn a_host_of_the_operations_listener_is_a_name() {
        assert_eq!(problems("ops_hosts = [\"gateway\", \"Metrics.internal\"]\n"), "");
        for bad in ["", "http://a", "a:9090", "a/b", "a b", "user@a", "*.a"] {
            let found = problems(&format!("ops_hosts = [\"{bad}\"]\n"));
            assert!(found.contains("which is not a host name; write"), "{bad}: {found}");
        }
    }

    #[test]
    fn old_names_point_to_the_new_ones() {
        let found = problems("more_origins = []\nsupport = \"https://a.example\"\n");
        assert!(found.contains("more_origins: is now called additional_origins; write"), "{found}");
        assert!(found.contains("support: is now called support_url; write"), "{found}");
    }

    #[test]
    fn plain_http_needs_the_flag() {
        let text = "additional_origins = [\"http://localhost:8080\"]\ninsecure_http = true\n";
        assert_eq!(problems(text), "");
    }
}
