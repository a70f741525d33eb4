//! Where the keys of an issuer are: behind an address, or in a file.

use axess::{
    factors::oauth::{HttpClient, HttpSettings},
    jose::{BoxFuture, FetchDocument, FetchError, FetchedDocument},
};
use http::Uri;
use std::{io::Read, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

/// How long a read may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns how to read keys, unless somebody else could write on the way they come.
pub(super) fn source(jwks: &str) -> Option<Arc<dyn FetchDocument>> {
    if !jwks.contains("://") {
        return Some(Arc::new(File));
    }
    let address: Uri = jwks.parse().ok()?;
    let host = address.host()?.trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_safe = match address.scheme_str() {
        Some("https") => true,
        Some("http") => is_here,
        _ => false,
    };
    if !is_safe || address.authority()?.as_str().contains('@') {
        return None;
    }
    let settings = HttpSettings { connect_timeout: TIMEOUT, timeout: TIMEOUT, ..HttpSettings::default() };
    Some(Arc::new(HttpClient::new(&settings).ok()?))
}

/// Reads files of this machine.
struct File;

impl FetchDocument for File {
    fn fetch<'a>(&'a self, url: &'a str, limit: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        let path = PathBuf::from(url);
        let read = move || {
            let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            let mut bytes = Vec::new();
            std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        Box::pin(async move {
            let bytes = tokio::task::spawn_blocking(read)
                .await
                .map_err(|error| FetchError::Failed(error.into()))?
                .map_err(|error| FetchError::Failed(error.into()))?;
            if bytes.len() > limit {
                return Err(FetchError::TooLarge);
            }
            Ok(FetchedDocument { bytes, max_age: None })
        })
    }
}
