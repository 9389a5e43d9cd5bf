//! Style sheet, script and pictures, compiled into the program.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// A file that the pages load.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asset {
    /// The content.
    pub bytes: &'static [u8],
    /// The value for `Content-Type`.
    pub content_type: &'static str,
    /// The value for `ETag`, with its quotation marks.
    pub etag: String,
    /// The value for `Cache-Control`: one year if the name has the content's hash.
    pub cache_control: &'static str,
}

struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    hash: String,
}

macro_rules! files {
    ($($name:literal => $content_type:literal),+ $(,)?) => {
        vec![$(File::new($name, $content_type, include_bytes!(concat!("../assets/", $name)))),+]
    };
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    files! {
        "mark.svg" => "image/svg+xml",
        "pages.css" => "text/css; charset=utf-8",
        "pages.js" => "text/javascript; charset=utf-8",
        "waves.svg" => "image/svg+xml",
    }
});

impl File {
    fn new(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let hash = URL_SAFE_NO_PAD.encode(&digest[..9]);
        Self { name, content_type, bytes, hash }
    }

    fn hashed_name(&self) -> String {
        let (stem, extension) = self.name.split_once('.').unwrap_or((self.name, ""));
        format!("{stem}.{}.{extension}", self.hash)
    }
}

/// Returns the asset at `path`, the part of the address after `assets/`.
///
/// Every asset has two names. A browser revalidates the plain one, `pages.css`, each time. The pages
/// use the name with the content's hash, which a browser may cache for a year.
pub fn asset(path: &str) -> Option<Asset> {
    FILES.iter().find_map(|file| {
        let cache_control = if path == file.hashed_name() {
            "public, max-age=31536000, immutable"
        } else if path == file.name {
            "no-cache"
        } else {
            return None;
        };
        Some(Asset {
            bytes: file.bytes,
            content_type: file.content_type,
            etag: format!("\"{}\"", file.hash),
            cache_control,
        })
    })
}

/// Returns the name of an asset with the hash of its content. An unknown name stays unchanged.
pub(crate) fn hashed_name(name: &str) -> String {
    FILES.iter().find(|file| file.name == name).map_or_else(|| name.to_owned(), File::hashed_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_lead_to_the_same_bytes() {
        for file in FILES.iter() {
            let plain = asset(file.name).unwrap();
            let hashed = asset(&hashed_name(file.name)).unwrap();
            assert_eq!(plain.bytes, hashed.bytes);
            assert_eq!(plain.etag, hashed.etag);
            assert_eq!(plain.cache_control, "no-cache");
            assert!(hashed.cache_control.contains("immutable"));
            assert!(!plain.bytes.is_empty());
        }
    }

    #[test]
    fn nothing_else_is_served() {
        for path in ["", "pages", "../Cargo.toml", "pages.AAAA.css", "PAGES.CSS", "pages.css/"] {
            assert_eq!(asset(path), None, "{path}");
        }
    }

    #[test]
    fn style_sheets_load_nothing_from_elsewhere() {
        for file in FILES.iter() {
            let text = std::str::from_utf8(file.bytes).unwrap();
            let foreign = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!foreign.contains("http:") && !foreign.contains("https:"), "{}", file.name);
            assert!(!text.contains("@import"), "{}", file.name);
        }
    }
}
