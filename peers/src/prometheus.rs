use std::{
    fs,
    path::{Path, PathBuf},
};

/// The variable that names the folder of the shared Prometheus.
pub(crate) const SHARED: &str = "AXESS_TEST_PROMETHEUS_FOLDER";

/// Tells a Prometheus what to scrape.
///
/// ```no_run
/// use axess_peers::{Kind, Server};
///
/// let server = Server::start(Kind::Prometheus)?;
/// let prometheus = server.prometheus().ok_or("no Prometheus")?;
/// prometheus.scrape("app", 9090)?;
/// // ... and ask `/api/v1/query?query=up{job="app"}` of server.url().
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Prometheus {
    folder: PathBuf,
}

impl Prometheus {
    /// Returns the one that `cargo xtask test` started.
    ///
    /// Other tests use it too: take a job of your own.
    pub fn shared() -> Option<Self> {
        std::env::var_os(SHARED).map(|folder| Self::in_folder(Path::new(&folder)))
    }

    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Has `/metrics` of a loopback port scraped each second, beginning within a few seconds.
    ///
    /// # Errors
    ///
    /// A message when the file for it cannot be written.
    pub fn scrape(&self, job: &str, port: u16) -> Result<(), String> {
        let targets = self.folder.join("targets");
        let text =
            serde_json::json!([{ "targets": [format!("127.0.0.1:{port}")], "labels": { "job": job } }]);
        let (part, file) = (targets.join(format!("{job}.part")), targets.join(format!("{job}.json")));
        // It may look at any moment.
        fs::write(&part, text.to_string())
            .and_then(|()| fs::rename(&part, &file))
            .map_err(|error| format!("{}: {error}", file.display()))
    }
}
