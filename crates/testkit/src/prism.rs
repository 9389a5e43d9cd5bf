//! Prism, which speaks for an OpenAPI file: as a mock of it, or between two that must keep to it.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A running Prism. Dropping it ends it.
#[derive(Debug)]
pub struct Prism {
    child: Child,
    address: String,
}

impl Prism {
    /// A mock of what the file describes.
    ///
    /// `node_modules` is the folder that `@stoplight/prism-cli` was installed into.
    ///
    /// # Panics
    ///
    /// When Node, Prism or the file is not there or not usable.
    pub fn mock(node_modules: &Path, openapi: &Path) -> Self {
        Self::start(node_modules, "mock", openapi, None)
    }

    /// A proxy before `upstream`, a URL, that marks what breaks the file in either direction.
    ///
    /// # Panics
    ///
    /// As [`mock`](Self::mock).
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
        let mut said = String::new();
        let address = loop {
            let before = said.len();
            if lines.read_line(&mut said).expect("text") == 0 {
                let _ended = child.kill().and_then(|()| child.wait());
                panic!("Prism did not start: {said}");
            }
            if let Some((_, address)) = said[before..].split_once("Prism is listening on http://") {
                break address.trim().to_owned();
            }
        };
        // It says a line or more for each request, and stands still when nobody reads them.
        std::thread::spawn(move || {
            let mut rest = [0; 4096];
            while lines.read(&mut rest).is_ok_and(|read| read > 0) {}
        });
        Self { child, address }
    }

    /// Its address, `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
