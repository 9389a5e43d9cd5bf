//! Makes a module of each page of the guides, so that `cargo test --doc` runs the Rust code in it.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo passes the folder for generated code in a variable"
)]

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let docs = root.join("docs");
    // Cargo looks at every file in a folder that it watches, and the root has the builds.
    println!("cargo::rerun-if-changed={}", docs.display());
    let mut pages = markdown(&docs)?;
    pages.extend(markdown(&root)?);
    pages.sort();
    let mut modules = String::new();
    for (number, page) in pages.iter().enumerate() {
        println!("cargo::rerun-if-changed={}", page.display());
        writeln!(
            modules,
            "#[doc = include_str!(r#\"{}\"#)]\n#[cfg(doctest)]\nmod page_{number} {{}}",
            page.display()
        )?;
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("pages.rs"), modules)?;
    Ok(())
}

/// Returns the pages in `folder`, not those in folders inside it.
fn markdown(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(pages)
}
