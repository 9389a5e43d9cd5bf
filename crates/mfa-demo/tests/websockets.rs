//! WebSocket connections through the gateway: who may open one, and when it ends.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_module::{AuthModule, Disabled, LoginName, NewPassword, NewUser, UserId};
use mfa_demo::Browser;
use mfa_gateway::{
    assemble::{open_auth, open_database},
    builder::GatewayBuilder,
    config::Config,
    running::{Running, listen},
    time::{Clock, SystemClock, SystemRandomness},
};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

const PASSWORD: &str = "correct horse battery";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = r#"
[gateway]
public_url = "ORIGIN"
insecure_http = true
data_dir = "."
secret = "a secret of the test: 32 bytes or more"

[application]
url = "APPLICATION"
websocket_origins = ["https://notebook.example"]

[connections]
max_websockets = 3

[sessions]
idle_timeout = "1m"
user_refresh = "0s"

[[rule]]
path = "/public/"
access = "public"

[[rule]]
path = "/admin/"
groups = ["admin"]
factors = ["password"]

[[rule]]
path = "/"
factors = ["password"]

[[otp.key]]
id = 1
secret = "another secret of the test: 32 bytes"

[sms]
product_name = "Test"
host = "localhost"
insecure_http = true

[sms.karaden_sms]
base_url = "http://127.0.0.1:1/api"
tenant_id = "159bfd33-b9b7-f424-4755-c119b324591d"
token = "unused"
service_id = 1
"#;

/// The machine's clock, moved forward by a test.
#[derive(Debug, Default)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    gateway: Running,
    config: Config,
    origin: String,
    clock: Arc<TestClock>,
    browser: Browser,
    /// The configuration file, and what it was at the start.
    file: PathBuf,
    text: String,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let loopback = "127.0.0.1:0".parse().expect("an address");
        let listener = listen(loopback).await.expect("a port");
        let ops_listener = listen(loopback).await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let text = CONFIG.replace("ORIGIN", &origin).replace("APPLICATION", &echo().await);
        let file = folder.path().join("gateway.toml");
        let config = Config::parse(&file, &text).expect("a configuration");
        let clock = Arc::new(TestClock::default());
        let gateway = GatewayBuilder::new(&config)
            .start(listener, ops_listener, Arc::clone(&clock) as _)
            .await
            .expect("it starts");
        for name in ["alice", "bob"] {
            let mut user = NewUser::new(LoginName::parse(name).expect("a name"));
            user.password = Some(NewPassword::Plain(SecretString::from(PASSWORD)));
            user.groups = ["admin".to_owned()].into();
            let added = gateway.auth().add_user(user, "test", &SystemRandomness, clock.now()).await;
            added.expect("a user");
        }
        let browser = log_in(&origin, "alice").await;
        Self { gateway, config, origin, clock, browser, file, text, _folder: folder }
    }

    async fn ask(&self, browser: &Browser, path: &str, headers: &str) -> (TcpStream, String) {
        let host = self.origin.trim_start_matches("http://");
        let cookies: Vec<String> =
            browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Cookie: {}\r\n{headers}\r\n",
            cookies.join("; "),
        );
        let mut client = TcpStream::connect(host).await.expect("it listens");
        client.write_all(request.as_bytes()).await.expect("it reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.expect("a head"));
        }
        let head = String::from_utf8(head).expect("text");
        (client, head.lines().next().unwrap_or_default().to_owned())
    }

    async fn open(&self, path: &str) -> TcpStream {
        let (client, status) = self.ask(&self.browser, path, "").await;
        assert!(status.starts_with("HTTP/1.1 101 "), "{status}");
        client
    }

    /// Returns the authentication module as another process has it.
    async fn another_process(&self) -> Arc<AuthModule> {
        let database = open_database(&self.config.gateway.data_dir).await.expect("a database");
        open_auth(&self.config, &database).await.expect("a module").0
    }

    async fn alice(&self) -> UserId {
        let name = LoginName::parse("alice").expect("a name");
        self.gateway.auth().find_user(&name).await.expect("a store").expect("a user").id
    }

    fn advance(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

async fn log_in(origin: &str, name: &str) -> Browser {
    let mut browser = Browser::new(origin).expect("a client");
    let page = browser.get("/_mfa/login").await.expect("a page");
    let fields = [("username", name), ("password", PASSWORD)];
    let done = browser.post(&page, "/_mfa/login", &fields).await.expect("a response");
    assert_eq!(done.status, 303, "{}", done.body);
    browser
}

/// Starts an application that accepts an upgrade and sends every byte back.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\
                              Upgrade: websocket\r\n\r\n";
                let _ = stream.write_all(agreed.as_bytes()).await;
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    format!("http://{address}")
}

async fn echoes(client: &mut TcpStream) {
    client.write_all(b"?").await.expect("an open tunnel");
    let byte = timeout(PATIENCE, client.read_u8()).await.expect("an answer in time");
    assert_eq!(byte.expect("an open tunnel"), b'?');
}

async fn is_cut(client: &mut TcpStream) {
    let end = timeout(PATIENCE, client.read(&mut [0])).await.expect("the tunnel is cut");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn only_pages_of_listed_origins_and_programs_open_one() {
    let world = World::start().await;
    let own = world.origin.clone();
    for (origin, status) in [
        ("Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n".to_owned(), 403),
        ("Origin: null\r\n".to_owned(), 403),
        (format!("Origin: {own}.evil.example\r\n"), 403),
        (format!("Origin: {own}\r\n"), 101),
        ("Origin: https://notebook.example\r\n".to_owned(), 101),
        (String::new(), 101),
    ] {
        for path in ["/", "/public/"] {
            let (_, answer) = world.ask(&world.browser, path, &origin).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}{path}: {answer}");
        }
    }
    let stranger = Browser::new(&own).expect("a client");
    let (_, answer) = world.ask(&stranger, "/", "").await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[tokio::test]
async fn a_logout_ends_the_connections_of_its_session_and_no_others() {
    let mut world = World::start().await;
    let (mut first, mut second) = (world.open("/a").await, world.open("/b").await);
    let bob = log_in(&world.origin, "bob").await;
    let (mut of_bob, _) = world.ask(&bob, "/", "").await;
    // The application was told who opened this one, although its rule needs nobody.
    let mut public = world.open("/public/").await;
    let stranger = Browser::new(&world.origin).expect("a client");
    let (mut of_stranger, _) = world.ask(&stranger, "/public/", "").await;
    for client in [&mut first, &mut second, &mut of_bob, &mut public, &mut of_stranger] {
        echoes(client).await;
    }
    let page = world.browser.get("/_mfa/logout").await.expect("a page");
    world.browser.post(&page, "/_mfa/logout", &[]).await.expect("a response");
    for client in [&mut first, &mut second, &mut public] {
        is_cut(client).await;
    }
    echoes(&mut of_bob).await;
    echoes(&mut of_stranger).await;
}

#[tokio::test]
async fn what_an_administrator_does_in_another_process_ends_them() {
    let world = World::start().await;
    let alice = LoginName::parse("alice").expect("a name");
    let auth = world.another_process().await;
    let id = world.alice().await;

    let mut client = world.open("/").await;
    echoes(&mut client).await;
    auth.end_all_sessions(&id, Some("test"), world.clock.now()).await.expect("a store");
    is_cut(&mut client).await;

    let browser = log_in(&world.origin, "alice").await;
    let (mut client, _) = world.ask(&browser, "/", "").await;
    echoes(&mut client).await;
    let password = SecretString::from("another horse battery");
    let now = world.clock.now();
    auth.set_password(&alice, &password, "test", &SystemRandomness, now).await.expect("a store");
    is_cut(&mut client).await;
}

#[tokio::test]
async fn a_user_who_is_disabled_is_cut_off() {
    let world = World::start().await;
    let (mut anywhere, mut admin) = (world.open("/").await, world.open("/admin/").await);
    echoes(&mut anywhere).await;
    echoes(&mut admin).await;
    let alice = LoginName::parse("alice").expect("a name");
    let auth = world.another_process().await;
    auth.set_disabled(&alice, Disabled::Yes, "test", world.clock.now()).await.expect("a store");
    is_cut(&mut anywhere).await;
    is_cut(&mut admin).await;
}

#[tokio::test]
async fn bytes_of_the_client_keep_the_session_alive_and_silence_does_not() {
    let world = World::start().await;
    let mut used = world.open("/").await;
    let bob = log_in(&world.origin, "bob").await;
    let (mut silent, _) = world.ask(&bob, "/", "").await;
    echoes(&mut silent).await;
    let id = world.alice().await;
    for _ in 0..4 {
        world.advance(25);
        let now = world.clock.now();
        echoes(&mut used).await;
        let noted = async {
            loop {
                let sessions = world.gateway.auth().sessions_of(&id, now, 10).await;
                let sessions = sessions.expect("a store");
                if sessions.first().is_some_and(|session| session.seen_at >= now) {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, noted).await.expect("the use is noted");
    }
    // 100 s with an idle timeout of 60 s.
    echoes(&mut used).await;
    is_cut(&mut silent).await;
    world.advance(61);
    is_cut(&mut used).await;
}

#[tokio::test]
async fn a_user_has_a_limited_number_of_them() {
    let world = World::start().await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(world.open("/").await);
    }
    let (_, answer) = world.ask(&world.browser, "/", "").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let bob = log_in(&world.origin, "bob").await;
    let (_, answer) = world.ask(&bob, "/", "").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    drop(open.pop());
    let again = async {
        while !world.ask(&world.browser, "/", "").await.1.starts_with("HTTP/1.1 101 ") {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("a place is free");
}

#[tokio::test]
async fn a_reload_ends_those_whose_path_is_closed_and_no_others() {
    let world = World::start().await;
    let (mut closed, mut open) = (world.open("/admin/").await, world.open("/").await);
    echoes(&mut closed).await;
    let text = world.text.replace("groups = [\"admin\"]", "groups = [\"others\"]");
    assert_ne!(text, world.text);
    std::fs::write(&world.file, text).expect("a file");
    world.gateway.reload(&world.file).await.expect("a configuration");
    is_cut(&mut closed).await;
    echoes(&mut open).await;
}

#[tokio::test]
async fn a_stop_ends_them_at_once() {
    let world = World::start().await;
    let mut client = world.open("/").await;
    echoes(&mut client).await;
    let (stopped, ()) = tokio::join!(world.gateway.shut_down_at_once(), is_cut(&mut client));
    stopped.expect("in time");
}
