use std::process::Command;

use super::{Recipe, Settings, first_missing, program, server, write};
use crate::place::Place;

/// Targets are found in files, which a test writes.
const CONFIG: &str = "global:
  scrape_interval: 1s
  evaluation_interval: 1s
scrape_configs:
  - job_name: files
    file_sd_configs:
      - files: ['targets/*.json']
        refresh_interval: 1s
";

pub(crate) const PROMETHEUS: Recipe = Recipe {
    missing: || first_missing(&["prometheus", "setpriv"]),
    prepare,
    command,
    ready: "Server is ready to receive web requests",
    stop: "TERM",
};

fn prepare(place: &Place) -> Result<(), String> {
    let targets = place.folder().join("targets");
    std::fs::create_dir(&targets).map_err(|error| format!("{}: {error}", targets.display()))?;
    write(place, "prometheus.yml", CONFIG).map(drop)
}

fn command(place: &Place, settings: Settings) -> Result<Command, String> {
    let mut command = server(&program("prometheus")?, None, settings)?;
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
    command.arg(format!("--web.listen-address=127.0.0.1:{}", place.port()));
    Ok(command)
}
