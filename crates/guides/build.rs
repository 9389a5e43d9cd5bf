//! Makes a module of each page of the guides, so that `cargo test --doc` runs the Rust code in it.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo passes the folder for generated code in a variable"
)]

#[path = "src/joined.rs"]
mod joined;

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
    println!("cargo::rerun-if-changed=src/joined.rs");
    let generated = PathBuf::from(env::var("OUT_DIR")?);
    let mut pages = markdown(&docs)?;
    pages.extend(markdown(&root)?);
    pages.sort();
    let mut modules = String::new();
    for (number, page) in pages.iter().enumerate() {
        println!("cargo::rerun-if-changed={}", page.display());
        let text = fs::read_to_string(page)?;
        let joined = joined::joined(&text);
        // A page as it is, so that an error shows its place.
        let page = if joined.lines().eq(text.lines()) {
            page.clone()
        } else {
            let page = generated.join(page.file_name().unwrap_or_default());
            fs::write(&page, joined)?;
            page
        };
        writeln!(
            modules,
            "#[doc = include_str!(r#\"{}\"#)]\n#[cfg(doctest)]\nmod page_{number} {{}}",
            page.display()
        )?;
    }
    fs::write(generated.join("pages.rs"), modules)?;
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
