//! Sessions in use: what keeps one alive, who may open a WebSocket connection, and when that ends.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_module::{AuthModule, Disabled, LoginName, UserId};
use mfa_demo::Browser;
use mfa_gateway::{
    assemble::{open_auth, open_database},
    builder::GatewayBuilder,
    config::Config,
    running::Running,
    time::{Clock, SystemClock, SystemRandomness},
};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::common::{PASSWORD, Ports, add, text, user};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

const RULES: &str = r#"
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
path = "/poll/"
factors = ["password"]
counts_as_use = false

[[rule]]
path = "/admin/"
groups = ["admin"]
factors = ["password"]

[[rule]]
path = "/"
factors = ["password"]
without_second_factor = true
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
        let ports = Ports::free().await;
        let origin = ports.origin.clone();
        let text = text(&origin, &RULES.replace("APPLICATION", &echo().await));
        let file = folder.path().join("gateway.toml");
        let config = Config::parse(&file, &text).expect("a configuration");
        let clock = Arc::new(TestClock::default());
        let gateway = ports.start(GatewayBuilder::new(&config), Arc::clone(&clock) as _).await;
        for name in ["alice", "bob"] {
            let mut user = user(name);
            user.groups = ["admin".to_owned()].into();
            add(&gateway, user, &*clock).await;
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

    async fn id_of(&self, name: &str) -> UserId {
        let name = LoginName::parse(name).expect("a name");
        self.gateway.auth().find_user(&name).await.expect("a store").expect("a user").id
    }

    /// Waits until a use of the user's session is noted that was not before `since`.
    async fn until_use_is_noted(&self, name: &str, since: SystemTime) {
        let (id, now) = (self.id_of(name).await, self.clock.now());
        let noted = async {
            loop {
                let sessions = self.gateway.auth().sessions_of(&id, now, 10).await;
                let sessions = sessions.expect("a store");
                if sessions.first().is_some_and(|session| session.seen_at >= since) {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, noted).await.expect("the use is noted");
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

/// Starts an application that accepts an upgrade and sends every byte back. To a plain request it says "ok".
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
                if !String::from_utf8_lossy(&head).to_lowercase().contains("upgrade: websocket") {
                    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
                    let _ = stream.write_all(ok.as_bytes()).await;
                    return;
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
    // The application was told who opened this one, although its rule is public.
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
    let id = world.id_of("alice").await;

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
    for _ in 0..4 {
        world.advance(25);
        let since = world.clock.now();
        echoes(&mut used).await;
        world.until_use_is_noted("alice", since).await;
    }
    // 100 s with an idle timeout of 60 s.
    echoes(&mut used).await;
    is_cut(&mut silent).await;
    world.advance(61);
    is_cut(&mut used).await;
}

/// Logs in and requests `path` every 25 s, four times, with an idle timeout of 60 s. Returns the last status.
async fn request_for_100_seconds(world: &World, path: &str) -> u16 {
    let mut alice = log_in(&world.origin, "alice").await;
    let mut bob = log_in(&world.origin, "bob").await;
    let mut status = 0;
    for _ in 0..4 {
        world.advance(25);
        let since = world.clock.now();
        status = alice.get(path).await.expect("an answer").status.as_u16();
        // Uses are written in their order: after that of bob, one of alice is written too.
        assert_eq!(bob.get("/a").await.expect("an answer").status, 200);
        world.until_use_is_noted("bob", since).await;
    }
    status
}

#[tokio::test]
async fn a_request_keeps_its_session_alive_and_one_of_a_polling_page_does_not() {
    let world = World::start().await;
    assert_eq!(request_for_100_seconds(&world, "/a").await, 200);
    assert_eq!(request_for_100_seconds(&world, "/poll/a").await, 303, "the login page");
    // Another spelling that a server may read as the same path.
    assert_eq!(request_for_100_seconds(&world, "/a/..;/poll/").await, 303, "the login page");
}

#[tokio::test]
async fn bytes_of_a_client_that_polls_keep_no_session_alive() {
    let world = World::start().await;
    let bob = log_in(&world.origin, "bob").await;
    let (mut used, _) = world.ask(&bob, "/", "").await;
    let mut polling = world.open("/poll/").await;
    for _ in 0..2 {
        world.advance(25);
        let since = world.clock.now();
        echoes(&mut polling).await;
        echoes(&mut used).await;
        // Both sessions are looked at in the same interval.
        world.until_use_is_noted("bob", since).await;
    }
    world.advance(11);
    // 61 s after the login, with an idle timeout of 60 s.
    is_cut(&mut polling).await;
    echoes(&mut used).await;
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
    let for_the_owner = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&world.file, for_the_owner).expect("a mode");
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
