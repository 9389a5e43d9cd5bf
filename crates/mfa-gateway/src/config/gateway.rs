//! `[gateway]`: listeners, names and the main secret.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use auth_module::has_one_reading;
use http::HeaderValue;
use ipnet::{IpNet, Ipv4Net};
use jiff::tz::TimeZone;
use mfa_pages::{Language, PerLanguage, Site};
use mfa_proxy::{AddressHeader, ListenAddress, NormalPath, UNIX_PEER};
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
/// The widest networks of proxies. Each machine in them can pose as any client.
const MIN_PREFIX_IPV4: u8 = 8;
const MIN_PREFIX_IPV6: u8 = 16;
/// The path for probes below the prefix of our own pages.
const HEALTH: &str = "health";

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
    /// The networks of the proxies that name the client.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they name it.
    pub client_address_header: AddressHeader,
    /// The path for probes of load balancers.
    pub health_path: Option<String>,
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
                "Networks of your reverse proxies, such as \"10.0.0.0/8\". The header in \
                 which they name the client is used only when the peer is in this list; \
                 otherwise the peer is the client. \"unix\" stands for the peers on a Unix \
                 socket. With http:// in public_url it may be left out.",
                "自分のリバースプロキシのネットワークです（例：\"10.0.0.0/8\"）。接続元が\
                 このリストにあるときだけ、そのプロキシが伝えるクライアントのアドレスを使\
                 い、それ以外は接続元をクライアントとみなします。\"unix\"は、Unixソケットの\
                 接続元を表します。public_urlがhttp://のときは省略できます。",
            ),
        )
        .allowed((
            "a list of IP addresses, networks of /8 or narrower (IPv6: /16), and \"unix\"",
            "IPアドレス、/8以下（IPv6は/16以下）の範囲のネットワーク、\"unix\"のリスト",
        ))
        .list_or_else(&["127.0.0.1", "::1"], list_of(network), || match &public_url {
            // TLS ends at a proxy, so requests come from a proxy.
            Ok(url) if url.scheme() == "https" => Err(Refusal::new(
                ("is missing", "ありません"),
                (
                    "list the addresses of the proxies in front, such as [\"127.0.0.1\"]; without \
                     them all users count as one client. Write [] if no proxy names the client",
                    "手前のプロキシのアドレスを、[\"127.0.0.1\"]のように書いてください。なければ、\
                     すべてのユーザーを1つのクライアントとみなします。クライアントのアドレスを\
                     伝えるプロキシがないときは[]と書いてください",
                ),
            )),
            _ => Ok(Vec::new()),
        });
    let client_address_header = section
        .key(
            "client_address_header",
            (
                "The header in which trusted_proxies name the client. The other one is not read.",
                "trusted_proxiesがクライアントのアドレスを伝えるヘッダーです。もう一方のヘッダー\
                 は読みません。",
            ),
        )
        .word(
            &[
                ("x-forwarded-for", AddressHeader::XForwardedFor),
                ("forwarded", AddressHeader::Forwarded),
            ],
            AddressHeader::XForwardedFor,
        );
    let health_path = section
        .key(
            "health_path",
            (
                "A path that answers GET and HEAD with 200 whatever the Host header says, \
                 for load balancers that probe by address. It never reaches the application.",
                "GETとHEADに、Hostヘッダーに関係なく200を返すパスです。アドレスで監視するロード\
                 バランサーのためのもので、アプリケーションには届きません。",
            ),
        )
        .allowed((
            "\"/_mfa/health\", or a path outside /_mfa/",
            "\"/_mfa/health\"、または/_mfa/の外のパス",
        ))
        .optional("/_mfa/health", ("off", "なし"), health_path);
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
        client_address_header: client_address_header?,
        health_path: health_path?,
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
            format!("{text:?}は、IPアドレスまたはホスト名とポートでも、unix:とパスでもありません"),
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
    let network = text.parse::<IpNet>().or_else(|_| one_address()).map_err(|_| {
        let what = (
            format!("holds {text:?}, which is not a network"),
            format!("{text:?}はネットワークではありません"),
        );
        let remedy = (
            "use CIDR notation such as \"10.0.0.0/8\", or one address",
            "\"10.0.0.0/8\"のようなCIDR表記か、1つのアドレスで書いてください",
        );
        Refusal::new(what, remedy)
    })?;
    let network = without_mapping(network);
    let min_prefix = if network.addr().is_ipv4() { MIN_PREFIX_IPV4 } else { MIN_PREFIX_IPV6 };
    if network.prefix_len() < min_prefix {
        let what = (
            format!("holds {text:?}, which is wider than /{min_prefix}"),
            format!("{text:?}は/{min_prefix}より広いネットワークです"),
        );
        let remedy = (
            "name the networks of your proxies alone: each machine in them can pose as any client",
            "自分のプロキシのネットワークだけを書いてください。その中のすべての機械が、どの\
             クライアントにもなりすませます",
        );
        return Err(Refusal::new(what, remedy));
    }
    Ok(network)
}

/// Writes `::ffff:10.0.0.0/104` as `10.0.0.0/8`, because addresses of clients are compared in this form.
fn without_mapping(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let unmapped = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    let unmapped = unmapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    unmapped.map_or(network, IpNet::V4)
}

fn health_path(text: &str) -> Result<String, Refusal> {
    let is_path = NormalPath::parse(text).is_ok_and(|path| path.as_str() == text);
    let own = text.strip_prefix(Site::DEFAULT_PREFIX);
    if !is_path
        || !has_one_reading(text)
        || text.ends_with('/')
        || own.is_some_and(|own| own != HEALTH)
    {
        let what = (
            format!("{text:?} is not a path for it"),
            format!("{text:?}はここに使えるパスではありません"),
        );
        let remedy = (
            "write \"/_mfa/health\", or a path outside /_mfa/ such as \"/healthz\"",
            "\"/_mfa/health\"か、\"/healthz\"のように/_mfa/の外のパスを書いてください",
        );
        return Err(Refusal::new(what, remedy));
    }
    Ok(text.to_owned())
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
    use crate::config::document::{problems_in, read_from};

    const REQUIRED: &str = "public_url = \"https://a.example\"\ndata_dir = \"data\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n";

    fn problems(text: &str) -> String {
        problems_in(&format!("{REQUIRED}{text}"), read).join("\n")
    }

    /// As [`problems`], for a file that lists no proxy.
    fn problems_without_proxy(text: &str) -> String {
        problems(&format!("trusted_proxies = []\n{text}"))
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
            assert_eq!(problems_without_proxy(&format!("hsts = \"{good}\"\n")), "");
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
            let found = problems_without_proxy(&format!("hsts = \"{bad}\"\n"));
            assert!(found.contains(": hsts: "), "{bad}: {found}");
        }
    }

    #[test]
    fn a_host_of_the_operations_listener_is_a_name() {
        assert_eq!(problems_without_proxy("ops_hosts = [\"gateway\", \"Metrics.internal\"]\n"), "");
        for bad in ["", "http://a", "a:9090", "a/b", "a b", "user@a", "*.a"] {
            let found = problems_without_proxy(&format!("ops_hosts = [\"{bad}\"]\n"));
            assert!(found.contains("which is not a host name; write"), "{bad}: {found}");
        }
    }

    #[test]
    fn old_names_point_to_the_new_ones() {
        let found = problems_without_proxy("more_origins = []\nsupport = \"https://a.example\"\n");
        assert!(found.contains("more_origins: is now called additional_origins; write"), "{found}");
        assert!(found.contains("support: is now called support_url; write"), "{found}");
    }

    #[test]
    fn plain_http_needs_the_flag() {
        let text = "additional_origins = [\"http://localhost:8080\"]\ninsecure_http = true\n";
        assert_eq!(problems_without_proxy(text), "");
    }

    #[test]
    fn behind_tls_the_proxies_have_to_be_listed() {
        let found = problems("");
        let remedy = "1:1: trusted_proxies: is missing; list the addresses of the proxies in front";
        assert!(found.starts_with(remedy) && found.lines().count() == 1, "{found}");
        assert_eq!(problems("trusted_proxies = []"), "");
        assert_eq!(problems("trusted_proxies = [\"127.0.0.1\", \"fd00::/16\"]"), "");
        // A test on one machine without TLS has no proxy.
        let plain = REQUIRED.replace("https", "http");
        let plain = read_from(&format!("{plain}insecure_http = true\n"), read).expect("valid");
        assert!(plain.trusted_proxies.is_empty());
    }

    #[test]
    fn a_wide_network_of_proxies_is_refused() {
        for (network, width) in [
            ("0.0.0.0/0", 8),
            ("10.0.0.0/7", 8),
            ("::/0", 16),
            ("2001:db8::/15", 16),
            ("::ffff:0:0/96", 8),
            ("::ffff:10.0.0.0/103", 8),
        ] {
            let found = problems(&format!("trusted_proxies = [{network:?}]"));
            let what =
                format!("trusted_proxies: holds {network:?}, which is wider than /{width}; name");
            assert!(found.contains(&what), "{found}");
        }
        for network in ["10.0.0.0/8", "2001::/16"] {
            assert_eq!(problems(&format!("trusted_proxies = [{network:?}]")), "", "{network}");
        }
        let mapped = network("::ffff:10.0.0.0/104").expect("a network");
        assert_eq!(mapped.to_string(), "10.0.0.0/8");
        assert_eq!(network("::ffff:10.0.0.1").expect("an address").to_string(), "10.0.0.1/32");
    }

    #[test]
    fn a_health_path_is_no_page_of_the_gateway() {
        for path in ["/_mfa/health", "/healthz", "/status/up.txt"] {
            assert_eq!(problems_without_proxy(&format!("health_path = {path:?}")), "", "{path}");
        }
        for path in [
            "",
            "healthz",
            "/",
            "/_mfa/",
            "/_mfa/login",
            "/_mfa/health/",
            "/a//b",
            "/a%2Fb",
            "/a b",
            "/a?b",
            "/../a",
        ] {
            let found = problems_without_proxy(&format!("health_path = {path:?}"));
            assert!(
                found.contains(&format!("health_path: {path:?} is not a path for it; write")),
                "{path}: {found}"
            );
        }
    }
}
