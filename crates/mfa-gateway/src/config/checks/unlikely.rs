//! Values that are allowed and seldom meant.

use std::{net::IpAddr, path::Path, time::Duration};

use auth_module::{Access, AuthSettings, Rule};
use ipnet::IpNet;
use mfa_proxy::ListenAddress;
use otp_core::message::Host;
use secrecy::ExposeSecret as _;
use tracing::Level;
use url::Url;

use super::local::{is_local, is_local_name};
use crate::config::{
    document::Section, otp_cache::OtpCache, problem::Refusal, sms::Sender, values::Config,
    warning::WarningKind,
};

/// Service managers wait as long as this before they kill a process; 90 s is the default of systemd.
const SERVICE_MANAGER_PATIENCE: Duration = Duration::from_secs(90);
/// The working day of an office, with its breaks.
const LONG_SESSION: Duration = Duration::from_secs(12 * 60 * 60);
/// The folders that a restart empties.
const TEMPORARY: [&str; 4] = ["/tmp", "/var/tmp", "/dev/shm", "/run"];
/// The account of the simulator.
const SIMULATOR_TENANT: &str = "159bfd33-b9b7-f424-4755-c119b324591d";
const SIMULATOR_SECRETS: [&str; 3] = ["demo-token", "demo-push", "demo-code"];
/// Names that are reserved for documentation (RFC 2606, RFC 6761), and the Japanese one of the sample file.
const EXAMPLE_HOSTS: [&str; 6] =
    ["example", "example.com", "example.net", "example.org", "example.jp", "example.co.jp"];
const EXAMPLE_TENANT: &str = "00000000-0000-0000-0000-000000000000";

/// Warns of every value that is allowed and seldom meant.
pub(in crate::config) fn warn(root: &Section<'_>, config: &Config) {
    warn_of_addresses(root, config);
    warn_of_proxies(root, config);
    warn_of_sessions(root, config);
    warn_of_unused_keys(root, config);
    warn_of_short_passwords(root, config);
    warn_of_placeholders(root, config);
    warn_of_sms_host(root, config);
    warn_of_same_secrets(root);
    warn_of_log_filter(root, config);
    // A test on one machine needs neither.
    if !is_local(&config.gateway.public_url) {
        warn_of_simulator(root, config);
        warn_of_losses(root, config);
    }
    if let Some(bytes) = disk_size(&config.gateway.data_dir) {
        warn_of_disk_size(root, config, bytes);
    }
}

fn warn_of_addresses(root: &Section<'_>, config: &Config) {
    let (gateway, application) = (&config.gateway, &config.application);
    let is_open = |url: &Url| url.scheme() == "http" && !is_local(url);
    if std::iter::once(&gateway.public_url).chain(&gateway.additional_origins).any(is_open) {
        let refusal = Refusal::new(
            (
                "lets passwords, codes and cookies travel unencrypted over a network",
                "パスワード、認証コード、Cookieが、暗号化されずにネットワークを流れます",
            ),
            (
                "use https in public_url and additional_origins",
                "public_urlとadditional_originsをhttpsにしてください",
            ),
        );
        root.warn(WarningKind::InsecureHttp, "gateway.insecure_http", refusal);
    }
    if is_networked(&gateway.ops_listen) {
        let refusal = Refusal::new(
            (
                "is open to a network, and needs no login",
                "ネットワークに開いていて、だれでも認証なしで使えます",
            ),
            (
                "write \"127.0.0.1:9090\", or let a firewall admit the monitoring alone",
                "\"127.0.0.1:9090\"にするか、監視システムだけが届くようにファイアウォール\
                 を設定してください",
            ),
        );
        root.warn(WarningKind::OpsAddress, "gateway.ops_listen", refusal);
    }
    if is_open(&application.url) {
        let refusal = Refusal::new(
            (
                "is reached over a network without encryption: another machine on it can pose as any user",
                "暗号化されないネットワークの先にあり、そのネットワークからだれにでもなり\
                 すませます",
            ),
            (
                "use https, or let the application listen on this machine alone",
                "httpsにするか、アプリケーションがこのマシンだけで待ち受けるようにしてください",
            ),
        );
        root.warn(WarningKind::ApplicationAddress, "application.url", refusal);
    }
    if gateway.stop_timeout > SERVICE_MANAGER_PATIENCE {
        let refusal = Refusal::new(
            (
                "is longer than service managers wait before they kill a process",
                "サービスマネージャーがプロセスを強制終了するまでの時間より長い値です",
            ),
            (
                "make it 90s or less, or raise TimeoutStopSec= of the unit and accept this warning",
                "90秒以下にするか、ユニットファイルのTimeoutStopSec=を延ばしてこの警告を\
                 承認してください",
            ),
        );
        root.warn(WarningKind::StopTimeout, "gateway.stop_timeout", refusal);
    }
}

fn warn_of_proxies(root: &Section<'_>, config: &Config) {
    let gateway = &config.gateway;
    if gateway.public_url.scheme() == "https" && gateway.trusted_proxies.is_empty() {
        let refusal = Refusal::new(
            (
                "is empty, so the proxy that ends TLS counts as the one client of all \
                 users: their limits are shared",
                "空のため、TLSを終端するプロキシが全利用者のクライアントとみなされ、制限\
                 が全員で共有されます",
            ),
            (
                "name the proxy, such as \"127.0.0.1\"",
                "\"127.0.0.1\"のように、プロキシを指定してください",
            ),
        );
        root.warn(WarningKind::ClientAddress, "gateway.trusted_proxies", refusal);
    }
    if let Some(wide) = gateway.trusted_proxies.iter().find(|network| is_wide(network)) {
        let refusal = Refusal::new(
            (
                format!(
                    "holds {wide}, a large public network: strangers in it can claim any address"
                ),
                format!("{wide}は広い公開ネットワークで、そのなかの他人がアドレスを偽れます"),
            ),
            ("name only your own proxies", "自分のプロキシだけを指定してください"),
        );
        root.warn(WarningKind::WideProxies, "gateway.trusted_proxies", refusal);
    }
}

/// Whether other machines can reach a listener.
fn is_networked(listener: &ListenAddress) -> bool {
    match listener {
        ListenAddress::Host { name, .. } => !is_local_name(name),
        ListenAddress::Socket(address) => !address.ip().to_canonical().is_loopback(),
        ListenAddress::Unix(_) => false,
    }
}

/// Whether a network has public addresses, and more than an organisation usually has.
fn is_wide(network: &IpNet) -> bool {
    match network.network().to_canonical() {
        IpAddr::V4(address) => {
            let is_shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            let is_private = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || is_shared;
            network.prefix_len() <= 16 && !is_private
        }
        IpAddr::V6(address) => {
            let is_private = address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local();
            network.prefix_len() <= 32 && !is_private
        }
    }
}

fn warn_of_sessions(root: &Section<'_>, config: &Config) {
    if config.sessions.absolute_timeout > LONG_SESSION {
        let refusal = Refusal::new(
            (
                "lets a stolen session be used for more than 12 hours",
                "盗まれたセッションが12時間を超えて使えます",
            ),
            ("choose \"12h\" or less", "\"12h\"以下にしてください"),
        );
        root.warn(WarningKind::LongSession, "sessions.absolute_timeout", refusal);
    }
    let rules = config.policy.rules();
    let is_protected = |rule: &&Rule| matches!(rule.access(), Access::Protected(_));
    let whole_site = rules.iter().position(|rule| rule.pattern().is_root());
    if let Some(position) = whole_site
        && rules.iter().filter(is_protected).all(|rule| !rule.counts_as_use())
    {
        let refusal = Refusal::new(
            (
                "holds for every path, so each session ends after sessions.idle_timeout \
                 even while it is used",
                "すべてのパスに当てはまるため、使用中でもsessions.idle_timeoutでセッショ\
                 ンが切れます",
            ),
            (
                "set it for the paths alone that a page asks for by itself",
                "画面が自動で読み込むパスだけに指定してください",
            ),
        );
        let key = format!("rule[{position}].counts_as_use");
        root.warn(WarningKind::UseNotCounted, &key, refusal);
    }
}

fn warn_of_unused_keys(root: &Section<'_>, config: &Config) {
    let gateway = &config.gateway;
    let mut origins = std::iter::once(&gateway.public_url).chain(&gateway.additional_origins);
    let memory = matches!(config.otp_cache, OtpCache::Memory { .. });
    for (key, is_unused) in [
        ("gateway.insecure_http", origins.all(|url| url.scheme() == "https")),
        ("sms.insecure_http", base_url(&config.sms.sender).scheme() == "https"),
    ] {
        if is_unused && root.is_true(key) {
            let remedy = ("remove it", "削除してください");
            root.warn(WarningKind::UnusedKey, key, unused("https", remedy));
        }
    }
    for (key, is_unused) in [("otp_cache.max_mib", memory), ("otp_cache.max_entries", !memory)] {
        if is_unused && root.is_given(key) {
            let backend = if memory { "memory" } else { "sqlite" };
            let remedy = (
                "remove it, or change otp_cache.backend",
                "削除するか、otp_cache.backendを変更してください",
            );
            root.warn(WarningKind::UnusedKey, key, unused(backend, remedy));
        }
    }
}

fn unused(with: &str, remedy: (&'static str, &'static str)) -> Refusal {
    Refusal::new(
        (format!("has no effect with {with}"), format!("{with}では効果がありません")),
        remedy,
    )
}

fn base_url(sender: &Sender) -> &Url {
    match sender {
        Sender::KaradenPush { base_url, .. } | Sender::KaradenSms { base_url, .. } => base_url,
    }
}

fn warn_of_placeholders(root: &Section<'_>, config: &Config) {
    let is_example = |name: &str| {
        EXAMPLE_HOSTS.iter().any(|host| {
            name.strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    };
    let refusal = || {
        Refusal::new(
            ("is a value of the sample file", "見本のままの値です"),
            ("write your own", "実際の値を書いてください"),
        )
    };
    if config.gateway.public_url.host_str().is_some_and(is_example) {
        root.warn(WarningKind::Placeholder, "gateway.public_url", refusal());
    }
    if let Sender::KaradenSms { tenant_id, .. } = &config.sms.sender
        && tenant_id == EXAMPLE_TENANT
    {
        root.warn(WarningKind::Placeholder, "sms.karaden_sms.tenant_id", refusal());
    }
}

fn warn_of_short_passwords(root: &Section<'_>, config: &Config) {
    let enough = AuthSettings::PASSWORD_ALONE_MIN_CHARS;
    if config.passwords.min_chars >= enough || !config.policy.accepts_password_alone() {
        return;
    }
    let refusal = Refusal::new(
        (
            format!("is less than {enough}, and the password alone completes a login"),
            format!("{enough}より小さい値ですが、パスワードだけでログインできます"),
        ),
        (
            format!("write {enough} (NIST SP 800-63B-4, 3.1.1.2), or ask for a second factor"),
            format!("{enough}にするか（NIST SP 800-63B-4、3.1.1.2）、2つ目の要素を求めてください"),
        ),
    );
    root.warn(WarningKind::ShortPasswords, "passwords.min_chars", refusal);
}

fn warn_of_sms_host(root: &Section<'_>, config: &Config) {
    let public = config.gateway.public_url.host_str().unwrap_or_default();
    let belongs = |host: &str| {
        public.strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if let Some(host) = config.sms.host.as_ref().map(Host::as_str)
        && !belongs(host)
    {
        let refusal = Refusal::new(
            (
                format!(
                    "is not the host of the pages, {public}: browsers do not fill in the code there"
                ),
                format!(
                    "ログイン画面のホスト{public}と異なるため、ブラウザーが認証コードを自動入\
                     力しません"
                ),
            ),
            (
                "write the host of gateway.public_url, or \"none\"",
                "gateway.public_urlのホストか、\"none\"を書いてください",
            ),
        );
        root.warn(WarningKind::SmsHost, "sms.host", refusal);
    }
}

fn warn_of_same_secrets(root: &Section<'_>) {
    let secrets = root.secrets();
    for (position, (key, secret)) in secrets.iter().enumerate() {
        let earlier = secrets.iter().take(position);
        let same = |(_, other): &&(String, _)| {
            secrecy::SecretString::expose_secret(other) == secret.expose_secret()
        };
        if let Some((other, _)) = earlier.clone().find(same) {
            let refusal = Refusal::new(
                (format!("holds the secret of {other}"), format!("{other}と同じ値です")),
                (
                    "use a secret for one purpose alone, so that each can be changed",
                    "それぞれ別に変更できるように、用途ごとに別の値にしてください",
                ),
            );
            root.warn(WarningKind::SameSecret, key, refusal);
        }
    }
}

fn warn_of_log_filter(root: &Section<'_>, config: &Config) {
    let is_logged = |level: &Level| config.log.filter.would_enable("mfa_gateway", level);
    let what = if !is_logged(&Level::INFO) {
        (
            "leaves out the records about requests and about the end of the audit trail",
            "リクエストの記録と、監査記録の末尾の記録がログに残りません",
        )
    } else if config.log.filter.would_enable("hyper", &Level::DEBUG) {
        (
            "logs the details of every connection, which is slow and fills the disk",
            "接続ごとの詳細まで記録するため、遅くなり、ディスクを使い切ります",
        )
    } else {
        return;
    };
    let remedy = (
        "use \"info\", or a lower level for single modules alone",
        "\"info\"にし、詳しいログは必要なモジュールだけにしてください",
    );
    root.warn(WarningKind::LogFilter, "log.filter", Refusal::new(what, remedy));
}

fn warn_of_simulator(root: &Section<'_>, config: &Config) {
    let (section, tenant) = match &config.sms.sender {
        Sender::KaradenPush { .. } => ("sms.karaden_push", None),
        Sender::KaradenSms { tenant_id, .. } => ("sms.karaden_sms", Some(tenant_id.as_str())),
    };
    let base_url = base_url(&config.sms.sender);
    let key = if base_url.scheme() == "http" || is_local(base_url) {
        format!("{section}.base_url")
    } else if tenant.is_some_and(|tenant| tenant.eq_ignore_ascii_case(SIMULATOR_TENANT)) {
        format!("{section}.tenant_id")
    } else {
        let is_known =
            |secret: &secrecy::SecretString| SIMULATOR_SECRETS.contains(&secret.expose_secret());
        match root.secrets().into_iter().find(|(_, secret)| is_known(secret)) {
            Some((key, _)) => key,
            None => return,
        }
    };
    let refusal = Refusal::new(
        (
            "belongs to the simulator, which sends nothing to phones",
            "シミュレーターの値です。シミュレーターは携帯電話に何も送信しません",
        ),
        ("write what your contract says", "契約書類にある値を書いてください"),
    );
    root.warn(WarningKind::Simulator, &key, refusal);
}

/// Warns of what a restart loses.
fn warn_of_losses(root: &Section<'_>, config: &Config) {
    if matches!(config.otp_cache, OtpCache::Memory { .. }) {
        let refusal = Refusal::new(
            (
                "loses the counted attempts and the lockouts at a restart",
                "再起動すると、数えた試行回数と停止の記録が失われます",
            ),
            ("use \"sqlite\"", "\"sqlite\"にしてください"),
        );
        root.warn(WarningKind::CountsInMemory, "otp_cache.backend", refusal);
    }
    if TEMPORARY.iter().any(|folder| config.gateway.data_dir.starts_with(folder)) {
        let refusal = Refusal::new(
            (
                "is in a folder that a restart can empty, with the users and the audit trail in it",
                "再起動で空になることのあるフォルダーです。利用者と監査記録も失われます",
            ),
            (
                "choose a folder such as \"/var/lib/mfa-gateway\"",
                "\"/var/lib/mfa-gateway\"のようなフォルダーにしてください",
            ),
        );
        root.warn(WarningKind::TemporaryData, "gateway.data_dir", refusal);
    }
}

/// Returns the size of the file system of `folder`, or of the first of its parents that exists.
fn disk_size(folder: &Path) -> Option<u64> {
    let found = folder.ancestors().find_map(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        rustix::fs::statvfs(folder).ok()
    })?;
    Some(found.f_blocks.saturating_mul(found.f_frsize))
}

/// Warns of sizes that a disk of `bytes` does not have.
pub(super) fn warn_of_disk_size(root: &Section<'_>, config: &Config, bytes: u64) {
    let cache = match config.otp_cache {
        OtpCache::Memory { .. } => 0,
        OtpCache::Sqlite { max_bytes } => max_bytes,
    };
    for (key, wanted) in [
        ("otp_cache.max_mib", cache),
        ("disk.warn_below_mib", config.disk.warn_bytes),
        ("disk.reserve_mib", config.disk.reserve_bytes),
    ] {
        if wanted >= bytes {
            let mib = bytes / (1024 * 1024);
            let refusal = Refusal::new(
                (
                    format!("is more than the disk of gateway.data_dir has: {mib} MiB"),
                    format!("gateway.data_dirのディスク（{mib} MiB）より大きい値です"),
                ),
                (
                    "choose less, or use a larger disk",
                    "小さくするか、大きいディスクを使ってください",
                ),
            );
            root.warn(WarningKind::DiskSize, key, refusal);
        }
    }
}
