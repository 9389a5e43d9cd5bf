//! Redis servers for tests: started on loopback with ports of their own and a temporary folder
//! each, killed when dropped. A missing `redis-server` fails the test and says so.
//! `OTP_CACHE_REDIS_SERVER` names another program in its place, such as a `valkey-server`.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

/// How often a condition is looked at before it is given up (about 60 seconds).
const TRIES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

/// How long servers are silent until another takes their place. A busy machine may stop a server for seconds,
/// and a promotion that no test asked for loses what was not copied yet.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where a test asks for a promotion.
pub(crate) const PROMPT: Duration = Duration::from_millis(1500);

/// Waits until `ready` says so. Polls, because a foreign process has no other way to tell.
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    for _ in 0..TRIES {
        if ready() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("gave up waiting until {what}");
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// One `redis-server` (or a Sentinel).
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    args: Vec<String>,
    /// What the test's own commands need at a Sentinel that asks for it.
    password: Option<String>,
    dir: TempDir,
}

impl Server {
    /// A server with an append-only file, with these further arguments.
    pub(crate) fn start(args: &[&str]) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let port_text = port.to_string();
            let mut all = vec!["--port", &port_text];
            all.extend_from_slice(args);
            if let Some(server) = Self::launch(port, &all) {
                return server;
            }
        }
        panic!("redis-server ended at once, five times; arguments: {args:?}");
    }

    /// A server that listens for TLS only, with these further arguments.
    pub(crate) fn start_tls(args: &[&str]) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let port_text = port.to_string();
            let mut all = vec!["--port", "0", "--tls-port", &port_text];
            all.extend_from_slice(args);
            if let Some(server) = Self::launch(port, &all) {
                return server;
            }
        }
        panic!("redis-server with TLS ended at once, five times");
    }

    /// A server with exactly these arguments beside folder and address.
    pub(crate) fn launch(port: u16, args: &[&str]) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let child = spawn(dir.path(), &args);
        let mut server = Self { child, port, args, password: None, dir };
        server.wait_for_port().then_some(server)
    }

    /// A server that listens with TLS too, and speaks nothing else to its like.
    fn start_beside_tls(args: &[&str]) -> Self {
        let port = free_port().to_string();
        let with_tls = ["--tls-port", &port, "--tls-replication", "yes"];
        Self::start(&[&with_tls[..], args].concat())
    }

    /// A Sentinel that watches the primary at this port under the name `otp`.
    pub(crate) fn sentinel(primary: u16, quorum: u8) -> Self {
        Self::sentinel_with(primary, quorum, "")
    }

    /// The same with these lines in its configuration.
    fn sentinel_with(primary: u16, quorum: u8, lines: &str) -> Self {
        let port = free_port();
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let conf = dir.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n{lines}sentinel monitor otp 127.0.0.1 {primary} {quorum}\n\
             sentinel down-after-milliseconds otp 1000\nsentinel failover-timeout otp 5000\n\
             sentinel parallel-syncs otp 1\n",
            dir.path().display()
        );
        std::fs::write(&conf, text).expect("the temporary folder is writable");
        let child = command().arg(&conf).arg("--sentinel").spawn().unwrap_or_else(missing);
        let mut server = Self { child, port, args: Vec::new(), password: None, dir };
        assert!(server.wait_for_port(), "the Sentinel ended at once");
        server
    }

    /// A Sentinel that listens with TLS too, wants a password, and speaks TLS only to whom it watches.
    fn sentinel_beside_tls(primary: u16, args: &[&str], password: &str) -> Self {
        let port = free_port().to_string();
        let mut lines = format!("tls-port {port}\ntls-replication yes\nrequirepass {password}\n");
        for pair in args.chunks(2) {
            lines.push_str(&[pair[0].trim_start_matches('-'), " ", pair[1], "\n"].concat());
        }
        let mut server = Self::sentinel_with(primary, 2, &lines);
        server.args = vec!["--tls-port".to_owned(), port];
        server.password = Some(password.to_owned());
        server
    }

    fn wait_for_port(&mut self) -> bool {
        let address = ([127, 0, 0, 1], self.port).into();
        for _ in 0..TRIES {
            if self.child.try_wait().ok().flatten().is_some() {
                return false;
            }
            if TcpStream::connect_timeout(&address, PAUSE).is_ok() {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.args_value("--tls-port"))
    }

    /// A plain connection for the test's own commands.
    pub(crate) fn admin(&self) -> redis::Connection {
        self.reached().expect("the server answers")
    }

    fn reached(&self) -> redis::RedisResult<redis::Connection> {
        let password = self.password.as_ref().map(|password| format!(":{password}@"));
        let url = format!("redis://{}127.0.0.1:{}", password.unwrap_or_default(), self.port);
        redis::Client::open(url)?.get_connection_with_timeout(Duration::from_secs(5))
    }

    /// What the server says, or nothing: a Sentinel cuts all connections to one whose role it changes.
    fn said(&self, words: &[&str]) -> String {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        self.reached().and_then(|mut link| command.query(&mut link)).unwrap_or_default()
    }

    pub(crate) fn command(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query(&mut self.admin())
    }

    /// Shortens the time to live of each key by `time`, and deletes those that have none left.
    pub(crate) fn pass_time(&self, time: Duration) {
        const SCRIPT: &str = "
            for _, key in ipairs(redis.call('KEYS', '*')) do
              local left = redis.call('PTTL', key)
              if left >= 0 then redis.call('PEXPIRE', key, left - tonumber(ARGV[1])) end
            end";
        let millis = time.as_millis().to_string();
        self.command(&["EVAL", SCRIPT, "0", &millis]).expect("an administrator's connection");
    }

    pub(crate) fn info(&self, section: &str) -> String {
        self.said(&["INFO", section])
    }

    /// Ends the process without warning (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("our own child can be killed");
        self.child.wait().expect("our own child can be awaited");
    }

    /// Starts the killed process again on the same port and folder.
    pub(crate) fn restart(&mut self) {
        wait_until("the port is free again", || {
            TcpListener::bind(("127.0.0.1", self.port)).is_ok()
        });
        self.child = spawn(self.dir.path(), &self.args);
        assert!(self.wait_for_port(), "redis-server did not come back");
    }

    /// Stops the process in its tracks (SIGSTOP): connections stay, nothing answers.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a paused process go on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(done.is_ok_and(|status| status.success()), "kill {signal} failed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "where the server is is told by the environment")]
fn command() -> Command {
    let named = std::env::var_os("OTP_CACHE_REDIS_SERVER").filter(|name| !name.is_empty());
    let mut command = Command::new(named.unwrap_or_else(|| "redis-server".into()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that unwrap_or_else wants")]
fn missing(error: std::io::Error) -> Child {
    panic!(
        "cannot start redis-server (Debian package `redis-server`), which this test needs: {error}"
    )
}

fn spawn(dir: &Path, args: &[String]) -> Child {
    command()
        // No test cuts the power: what the kernel holds is kept.
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "no"])
        .args(["--daemonize", "no", "--loglevel", "warning", "--dir"])
        .arg(dir)
        .args(args)
        .spawn()
        .unwrap_or_else(missing)
}

/// A Redis Cluster of three primaries with one replica each.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Three primaries, then their replicas in the same order.
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::of(Server::start)
    }

    /// Nodes that listen with TLS too, and speak nothing else to each other.
    pub(crate) fn start_tls(args: &[&str]) -> Self {
        let with_tls = [&["--tls-cluster", "yes"], args].concat();
        Self::of(|own| Server::start_beside_tls(&[own, &with_tls].concat()))
    }

    fn of(start: impl Fn(&[&str]) -> Server) -> Self {
        let nodes = (0..6).map(|_| {
            let bus = free_port().to_string();
            start(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "1500",
                "--cluster-replica-validity-factor",
                "0",
                "--repl-diskless-sync-delay",
                "0",
            ])
        });
        let cluster = Self { nodes: nodes.collect() };
        cluster.assemble();
        cluster.promote_after(PATIENCE);
        cluster
    }

    /// From now on the nodes wait this long before they take one of them for dead.
    pub(crate) fn promote_after(&self, timeout: Duration) {
        let millis = timeout.as_millis().to_string();
        for node in &self.nodes {
            node.command(&["CONFIG", "SET", "cluster-node-timeout", &millis]).expect("a node");
        }
    }

    fn assemble(&self) {
        let ranges = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (node, (first, last)) in self.nodes.iter().zip(ranges) {
            node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]).expect("slots are free");
        }
        for (epoch, node) in self.nodes.iter().enumerate() {
            let epoch = (epoch + 1).to_string();
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).expect("a fresh node");
        }
        let first = &self.nodes[0];
        for node in &self.nodes[1..] {
            let bus = node.args_value("--cluster-port");
            let port = node.port.to_string();
            first.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).expect("nodes meet");
        }
        wait_until("all nodes know each other", || {
            self.nodes.iter().all(|node| node.known_nodes() == 6)
        });
        for (primary, replica) in self.nodes[..3].iter().zip(&self.nodes[3..]) {
            let id = primary.node_id();
            wait_until("the replica follows", || {
                replica.command(&["CLUSTER", "REPLICATE", &id]).is_ok()
            });
        }
        wait_until("the cluster is up", || {
            self.nodes.iter().all(Server::cluster_is_ok)
                && self.nodes[3..].iter().all(Server::is_synced_replica)
        });
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }
}

impl Server {
    fn args_value(&self, name: &str) -> String {
        let at = self.args.iter().position(|arg| arg == name).expect("the argument was given");
        self.args[at + 1].clone()
    }

    fn known_nodes(&self) -> usize {
        let text = self.said(&["CLUSTER", "NODES"]);
        text.lines().filter(|line| !line.contains("handshake")).count()
    }

    pub(crate) fn node_id(&self) -> String {
        redis::cmd("CLUSTER").arg("MYID").query(&mut self.admin()).expect("a cluster node")
    }

    pub(crate) fn cluster_is_ok(&self) -> bool {
        let text = self.said(&["CLUSTER", "INFO"]);
        text.contains("cluster_state:ok")
    }

    pub(crate) fn is_synced_replica(&self) -> bool {
        let info = self.info("replication");
        info.contains("role:slave") && info.contains("master_link_status:up")
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.info("replication").contains("role:master")
    }
}

impl Cluster {
    /// Moves these slots with all their keys from one primary to another, as `redis-cli --cluster
    /// reshard` does.
    pub(crate) fn move_slots(from: &Server, to: &Server, slots: &[u16]) {
        for slot in slots {
            Self::move_slot(from, to, *slot, |_| {});
        }
    }

    /// Moves one slot and calls `look` after each step, with what the cluster is doing then.
    pub(crate) fn move_slot(from: &Server, to: &Server, slot: u16, mut look: impl FnMut(&str)) {
        let (from_id, to_id, port) = (from.node_id(), to.node_id(), to.port.to_string());
        let slot = slot.to_string();
        to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).expect("its owner");
        from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).expect("its owner");
        look("its keys are still here");
        let keys: Vec<String> = redis::cmd("CLUSTER")
            .arg(&["GETKEYSINSLOT", &slot, "100"])
            .query(&mut from.admin())
            .expect("a cluster node");
        for key in keys {
            from.command(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]).expect("moves");
        }
        look("its keys are there already");
        for node in [to, from] {
            node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).expect("its owner");
        }
        look("it has moved");
    }
}

impl Server {
    /// The hash slots of these keys.
    pub(crate) fn slots_of(&self, keys: &[String]) -> Vec<u16> {
        let mut commands = redis::pipe();
        for key in keys {
            commands.cmd("CLUSTER").arg("KEYSLOT").arg(key);
        }
        commands.query(&mut self.admin()).expect("a cluster node")
    }
}

/// A primary, a replica and three Sentinels.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) primary: Server,
    pub(crate) replica: Server,
    pub(crate) sentinels: Vec<Server>,
}

impl Watched {
    pub(crate) fn start() -> Self {
        let primary = Server::start(&["--repl-diskless-sync-delay", "0"]);
        let follow = format!("127.0.0.1 {}", primary.port);
        let replica = Server::start(&["--repl-diskless-sync-delay", "0", "--replicaof", &follow]);
        let sentinels = (0..3).map(|_| Server::sentinel(primary.port, 2)).collect();
        Self { primary, replica, sentinels }.settled()
    }

    /// All of them with TLS, and the Sentinels with a password.
    pub(crate) fn start_tls(args: &[&str], password: &str) -> Self {
        let soon = [&["--repl-diskless-sync-delay", "0"], args].concat();
        let primary = Server::start_beside_tls(&soon);
        let port = primary.args_value("--tls-port");
        let follow = format!("127.0.0.1 {port}");
        let replica = Server::start_beside_tls(&[&soon[..], &["--replicaof", &follow]].concat());
        let port = port.parse().expect("a port");
        let watch = |_| Server::sentinel_beside_tls(port, args, password);
        let sentinels = (0..3).map(watch).collect();
        Self { primary, replica, sentinels }.settled()
    }

    fn settled(self) -> Self {
        wait_until("the replica follows", || self.replica.is_synced_replica());
        wait_until("the Sentinels know each other and the replica", || {
            self.sentinels.iter().all(|sentinel| {
                let info = sentinel.info("sentinel");
                info.contains("slaves=1") && info.contains("sentinels=3")
            })
        });
        self.promote_after(PATIENCE);
        self
    }

    /// From now on the Sentinels wait this long before they take a server for dead.
    pub(crate) fn promote_after(&self, timeout: Duration) {
        let millis = timeout.as_millis().to_string();
        for sentinel in &self.sentinels {
            let words = ["SENTINEL", "SET", "otp", "down-after-milliseconds", &millis];
            sentinel.command(&words).expect("a Sentinel");
        }
    }
}
