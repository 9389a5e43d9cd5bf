//! Writes every page in both languages to a folder, to look at them: `gallery FOLDER`.
//!
//! Serve the folder as the root of a host, so that `/_mfa/assets/` is found.

use std::{fs, path::Path};

use anyhow::Context as _;
use mfa_pages::{Language, asset};

#[path = "../tests/pages/showcase.rs"]
mod showcase;

const ASSETS: [&str; 4] = ["mark.svg", "pages.css", "pages.js", "waves.svg"];

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).context("usage: gallery FOLDER")?;
    let folder = Path::new(&folder);
    let assets = folder.join("_mfa/assets");
    fs::create_dir_all(&assets)?;
    for name in ASSETS {
        let bytes = asset(name).context("an asset is missing")?.bytes;
        fs::write(assets.join(name), bytes)?;
        let url = showcase::site().asset_url(name);
        fs::write(folder.join(url.trim_start_matches('/')), bytes)?;
    }
    for language in Language::ALL {
        let pages = folder.join(language.tag());
        fs::create_dir_all(&pages)?;
        for (name, html) in showcase::pages(language) {
            fs::write(pages.join(name).with_extension("html"), html)?;
        }
    }
    Ok(())
}
