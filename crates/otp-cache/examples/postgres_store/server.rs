//! A PostgreSQL server for the example: in a temporary folder, reached by a Unix socket in that folder only.

use std::{
    fs::{self, File},
    io,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use otp_cache::{async_trait, conformance::Outage};
use tempfile::TempDir;
use tokio::task::block_in_place;
use tokio_postgres::Config;

/// The administrator of the cluster. It has no password: the folder lets in only the user who runs the server, and root.
const ADMINISTRATOR: &str = "otp";

const PAUSE: Duration = Duration::from_millis(50);
/// How often to look whether the server is ready: for a minute.
const START_TRIES: u32 = 1200;
/// How often to look whether the server has ended: for ten seconds.
const STOP_TRIES: u32 = 200;

/// A server that is stopped when it is dropped. Its crash is the outage of the conformance suite.
#[derive(Debug)]
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    /// The ids of the user and group `postgres`, if this program runs as root: the server refuses root.
    owner: Option<(u32, u32)>,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Creates a cluster and starts its server.
    ///
    /// # Errors
    ///
    /// If PostgreSQL is not installed, or does not start.
    pub(crate) fn start() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let owner = match id("-u", None)? {
            0 => Some((id("-u", Some("postgres"))?, id("-g", Some("postgres"))?)),
            _ => None,
        };
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let server = Self { folder, programs: programs(), owner, process: Mutex::new(None) };
        let mut initdb = server.command("initdb");
        initdb.args(["--pgdata=data", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--no-sync", "--username", ADMINISTRATOR]);
        let created = initdb.output().map_err(|error| {
            io::Error::other(format!("initdb: {error}; is PostgreSQL installed (postgresql)?"))
        })?;
        if !created.status.success() {
            let said = String::from_utf8_lossy(&created.stderr).into_owned();
            return Err(io::Error::other(format!("initdb failed: {said}")));
        }
        server.restart()?;
        Ok(server)
    }

    /// Returns how to connect.
    pub(crate) fn config(&self) -> Config {
        Self::config_at(self.folder())
    }

    /// Returns how to connect to the server in this folder, from another process.
    pub(crate) fn config_at(folder: &Path) -> Config {
        let mut config = Config::new();
        config.host_path(folder).user(ADMINISTRATOR).dbname("postgres");
        config
    }

    /// Returns the folder of the server.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the server at once, without saving anything, and starts it again.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub(crate) fn crash_and_restart(&self) -> io::Result<()> {
        self.crash();
        self.restart()
    }

    /// Starts the server, and waits until it accepts connections.
    fn restart(&self) -> io::Result<()> {
        let mut postgres = self.command("postgres");
        // A crash of the server alone loses nothing that it has written. Only a crash of the machine would need `fsync`.
        postgres.args(["-D", "data", "-c", "fsync=off", "-c", "listen_addresses=", "-k"]);
        postgres.arg(self.folder());
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut process = postgres.stdout(log.try_clone()?).stderr(log).spawn()?;
        for _ in 0..START_TRIES {
            if let Some(status) = process.try_wait()? {
                let log = fs::read_to_string(self.log())?;
                return Err(io::Error::other(format!("postgres: {status}\n{log}")));
            }
            let mut is_ready = self.command("pg_isready");
            is_ready.args(["--quiet", "--dbname=postgres", "--username", ADMINISTRATOR]);
            if is_ready.arg("--host").arg(self.folder()).status()?.success() {
                *self.process() = Some(process);
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        end(process);
        Err(io::Error::other("PostgreSQL does not start"))
    }

    /// Ends the server as a crash does: it saves nothing, and recovers when it is started again.
    fn crash(&self) {
        let process = self.process().take();
        if let Some(process) = process {
            end(process);
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> PathBuf {
        self.folder().join("log")
    }

    /// Returns a command for a program of PostgreSQL, as the user who may run it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder()).env("LC_ALL", "C").stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

#[async_trait]
impl Outage for Server {
    async fn begin(&self) {
        block_in_place(|| self.crash());
    }

    async fn end(&self) {
        block_in_place(|| self.restart()).expect("the server starts again");
    }
}

/// Ends the server with SIGQUIT, its immediate shutdown, or with SIGKILL if that takes too long.
fn end(mut process: Child) {
    let _signalled = Command::new("kill").args(["-QUIT", &process.id().to_string()]).status();
    for _ in 0..STOP_TRIES {
        if process.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        thread::sleep(PAUSE);
    }
    let _killed = process.kill();
    let _reaped = process.wait();
}

/// Returns the newest folder of Debian's packages. If there is none, the programs are found in `PATH`.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest =
        versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").is_file());
    newest.max_by_key(version).map(|path| path.join("bin")).unwrap_or_default()
}

/// Returns what the program `id` prints about a user, or about this process.
fn id(what: &str, user: Option<&str>) -> io::Result<u32> {
    let printed = Command::new("id").arg(what).args(user).output()?.stdout;
    let number = String::from_utf8_lossy(&printed).trim().parse();
    number.map_err(|_| io::Error::other("as root, this needs the user postgres"))
}
