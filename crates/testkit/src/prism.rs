//! Prism, a tool that checks HTTP against an OpenAPI file, as a mock server or as a proxy.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A running Prism. Dropping it stops the process.
#[derive(Debug)]
pub struct Prism {
    child: Child,
    address: String,
}

impl Prism {
    /// Starts a mock server of the API in the file.
    ///
    /// `node_modules` is the folder into which `@stoplight/prism-cli` was installed.
    ///
    /// # Panics
    ///
    /// If Node, Prism or the file is missing or not usable.
    pub fn mock(node_modules: &Path, openapi: &Path) -> Self {
        Self::start(node_modules, "mock", openapi, None)
    }

    /// Starts a proxy in front of the URL `upstream`. It marks requests and responses that violate the file.
    ///
    /// # Panics
    ///
    /// Like [`mock`](Self::mock).
    pub fn proxy(node_modules: &Path, openapi: &Path, upstream: &str) -> Self {
        Self::start(node_modules, "proxy", openapi, Some(upstream))
    }

    fn start(node_modules: &Path, mode: &str, openapi: &Path, upstream: Option<&str>) -> Self {
        let program = node_modules.join("@stoplight/prism-cli/dist/index.js");
        let mut child = Command::new("node")
            .arg(program)
            .args([mode, "--host", "127.0.0.1", "--port", "0"])
            .arg(openapi)
            .args(upstream)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("node runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut output = String::new();
        let address = loop {
            let before = output.len();
            if lines.read_line(&mut output).expect("text") == 0 {
                let _ended = child.kill().and_then(|()| child.wait());
                panic!("Prism did not start: {output}");
            }
            if let Some((_, address)) = output[before..].split_once("Prism is listening on http://")
            {
                break address.trim().to_owned();
            }
        };
        // Prism prints lines for each request, and blocks once the pipe is full.
        std::thread::spawn(move || {
            let mut rest = [0; 4096];
            while lines.read(&mut rest).is_ok_and(|read| read > 0) {}
        });
        Self { child, address }
    }

    /// Returns its address, `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
