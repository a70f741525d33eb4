//! The style sheet, the scripts and the icon: in the program, served by a name that changes with their content.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// For good: what has another content has another name.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

struct Asset {
    stem: &'static str,
    end: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 4] = [
    Asset {
        stem: "console",
        end: "css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../../static/console.css"),
    },
    Asset {
        stem: "console",
        end: "js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../../static/console.js"),
    },
    Asset {
        stem: "keys",
        end: "js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../../static/keys.js"),
    },
    Asset {
        stem: "icon",
        end: "svg",
        content_type: "image/svg+xml",
        content: include_str!("../../static/icon.svg"),
    },
];

static NAMES: LazyLock<[String; 4]> = LazyLock::new(|| ASSETS.each_ref().map(Asset::name));

impl Asset {
    fn name(&self) -> String {
        let digest = Sha256::digest(self.content.as_bytes());
        let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{hash}.{}", self.stem, self.end)
    }
}

/// Returns the path of an asset by its plain name, as in `console.css`; nothing for another name.
pub fn path(plain: &str) -> String {
    let found = ASSETS.iter().zip(NAMES.iter()).find(|(asset, _)| {
        plain.strip_suffix(asset.end).and_then(|stem| stem.strip_suffix('.')) == Some(asset.stem)
    });
    found.map_or_else(String::new, |(_, name)| format!("/assets/{name}"))
}

/// Answers with an asset by its name with the hash.
pub async fn serve(Path(name): Path<String>) -> Response {
    let found = ASSETS.iter().zip(NAMES.iter()).find(|(_, own)| **own == name);
    let Some((asset, _)) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (header::CACHE_CONTROL, FOREVER),
    ];
    (headers, asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_a_path_of_its_own() {
        let paths: std::collections::BTreeSet<String> =
            ["console.css", "console.js", "keys.js", "icon.svg"].map(path).into();
        assert_eq!(paths.len(), 4);
        assert!(paths.iter().all(|path| path.starts_with("/assets/") && path.len() > 30), "{paths:?}");
        assert_eq!(path("other.css"), "");
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for asset in &ASSETS {
            let content = asset.content.replace("http://www.w3.org/2000/svg", "");
            for forbidden in [
                "http://",
                "https://",
                "@import",
                "eval(",
                "innerHTML",
                "insertAdjacentHTML",
                "document.write",
            ] {
                assert!(!content.contains(forbidden), "{}.{}: {forbidden}", asset.stem, asset.end);
            }
        }
    }
}
