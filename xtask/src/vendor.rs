//! Software that ours is tested against: the vendor's two SDKs, and Prism and Schemathesis, which read the OpenAPI
//! files.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::Result;

use crate::{
    metadata::{self, Metadata},
    process,
};

const PYTHON_PACKAGES: [&str; 2] = ["karaden-prg-python==1.2.1", "schemathesis==4.32.5"];
const NODE_PACKAGES: [&str; 2] = ["karaden-prg-node@1.2.1", "@stoplight/prism-cli@5.16.0"];

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The folders of that software.
#[derive(Debug)]
pub(crate) struct Vendor {
    python: PathBuf,
    node_modules: PathBuf,
}

impl Vendor {
    /// Installs what is missing into the scratch folder next to the builds.
    ///
    /// # Errors
    ///
    /// If pip or npm fails.
    pub(crate) fn provide(metadata: &Metadata) -> Result<Self> {
        let folder = metadata::scratch(metadata)?;
        let (venv, node) = (folder.join("python"), folder.join("node"));
        let python = venv.join("bin/python");
        process::run_aside(
            Command::new("python3").args(["-m", "venv"]).arg(&venv),
            LIMIT,
            &mut |_| {},
        )?;
        // Not `bin/pip`: that script contains the path that the folder had when it was made.
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let mut pip_install = Command::new(&python);
        pip_install.args(pip).args(PYTHON_PACKAGES);
        process::run_aside(&mut pip_install, LIMIT, &mut |_| {})?;
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ]);
        process::run_aside(npm.arg(&node).args(NODE_PACKAGES), LIMIT, &mut |_| {})?;
        Ok(Self { python, node_modules: node.join("node_modules") })
    }

    /// Returns the environment variables by which tests and benchmarks find it.
    pub(crate) fn variables(&self) -> [(&'static str, &PathBuf); 2] {
        [("KARADEN_SDK_PYTHON", &self.python), ("KARADEN_SDK_NODE_MODULES", &self.node_modules)]
    }
}
