//! The floods.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use karaden_sim::{Fault, FaultMode, Operation};
use mfa_demo::{Browser, Seen};
use tokio::{io::AsyncReadExt as _, net::TcpStream, task::JoinSet};

use crate::server::{FLOODER, LOGIN, PASSWORD, REFUSED, REFUSED_PHONE, Server};

/// The argument of a process that holds connections, before its port.
pub(crate) const HOLD: &str = "--hold";

/// So many connections in each of so many processes, because each process has few descriptors, too.
const HELD: usize = 500;
const HOLDERS: usize = 4;

/// What others do while people log in.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) start: fn(&Server) -> Flood,
}

pub(crate) const SCENARIOS: [Scenario; 5] = [
    Scenario { name: "none", says: "without a flood", start: |_| Flood::default() },
    Scenario { name: "wrong", says: "wrong passwords from one /48, 130 at once", start: wrong },
    Scenario { name: "right", says: "right passwords of one account, 90 at once", start: right },
    Scenario { name: "silent", says: "2,000 silent connections", start: silent },
    Scenario {
        name: "refused",
        says: "a number that the provider refuses, again and again",
        start: refused,
    },
];

/// A flood, until it is dropped.
#[derive(Default)]
pub(crate) struct Flood {
    _tasks: JoinSet<()>,
    holders: Vec<Child>,
}

impl Drop for Flood {
    fn drop(&mut self) {
        for holder in &mut self.holders {
            holder.kill().unwrap();
            holder.wait().unwrap();
        }
    }
}

/// Each try comes from another /64 and for another name.
fn wrong(server: &Server) -> Flood {
    let browsers = (0..130).map(|n| (n, server.browser("2001:db8:7::1")));
    let tasks = browsers.map(|(lane, browser)| async move {
        for n in (lane..0x1_0000_u32).step_by(130) {
            let browser =
                browser.clone().with_header("x-forwarded-for", &format!("2001:db8:7:{n:x}::1"));
            post_password(browser, &format!("nobody{n}"), "wrong password").await;
        }
    });
    Flood { _tasks: tasks.collect(), holders: Vec::new() }
}

fn right(server: &Server) -> Flood {
    let browsers = (0..90).map(|n| server.browser(&format!("198.51.100.{}", n % 10)));
    let tasks = browsers.map(|browser| async move {
        loop {
            post_password(browser.clone(), FLOODER, PASSWORD).await;
        }
    });
    Flood { _tasks: tasks.collect(), holders: Vec::new() }
}

async fn post_password(mut browser: Browser, name: &str, password: &str) -> Option<Seen> {
    let page = browser.get(LOGIN).await.ok()?;
    browser.post(&page, LOGIN, &[("username", name), ("password", password)]).await.ok()
}

fn silent(server: &Server) -> Flood {
    let hold = |_| {
        let program = std::env::current_exe().unwrap();
        let arguments = [HOLD, &server.port().to_string()];
        Command::new(program).args(arguments).stdin(Stdio::null()).spawn().unwrap()
    };
    Flood { _tasks: JoinSet::new(), holders: (0..HOLDERS).map(hold).collect() }
}

/// Holds connections that say nothing, and opens each again that is closed, until the process is killed.
pub(crate) async fn hold_connections(port: &str) {
    let port: u16 = port.parse().unwrap();
    let holding: JoinSet<()> = (0..HELD)
        .map(|_| async move {
            loop {
                if let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)).await {
                    // Until the gateway closes it.
                    let _ = connection.read_u8().await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .collect();
    holding.join_all().await;
}

/// A user presses *try again* five times a second.
fn refused(server: &Server) -> Flood {
    let sim = server.sim();
    let fault = Fault::new(FaultMode::Status(429)).with_operation(Operation::Send);
    sim.set_faults(vec![fault.with_to(REFUSED_PHONE)]);
    let browser = server.browser("198.51.100.1");
    let press = async move {
        let _sim = Arc::clone(&sim);
        loop {
            try_again(browser.clone()).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    Flood { _tasks: [press].into_iter().collect(), holders: Vec::new() }
}

/// Presses until the page offers it no more.
async fn try_again(mut browser: Browser) -> Option<()> {
    let page = browser.get(LOGIN).await.ok()?;
    let fields = [("username", REFUSED), ("password", PASSWORD)];
    let mut page = browser.post_and_follow(&page, LOGIN, &fields).await.ok()?;
    while page.form_token().is_ok() {
        let retry = [("action", "retry")];
        page = browser.post_and_follow(&page, "/_mfa/factor/action", &retry).await.ok()?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Some(())
}
