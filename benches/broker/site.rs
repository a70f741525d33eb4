//! A home folder with what the programs find there, and the programs in it.

use crate::{Fault, arguments::Arguments};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub(crate) struct Site {
    home: TempDir,
    tryaudex: PathBuf,
    endpoint: Option<String>,
}

impl Site {
    /// Makes a home; with an endpoint there is a role, and keys to assume it.
    pub(crate) fn new(arguments: &Arguments, endpoint: Option<&str>) -> Result<Self, Fault> {
        let home = arguments.fresh_folder()?;
        let site = Self { home, tryaudex: arguments.tryaudex.clone(), endpoint: endpoint.map(str::to_owned) };
        if let Some(url) = endpoint {
            let role = "arn:aws:iam::123456789012:role/app";
            site.write(
                ".config/audex/config.toml",
                &format!("[aws]\nrole_arn = \"{role}\"\nregion = \"us-east-1\"\nendpoint_url = \"{url}\"\nprofile = \"base\"\n"),
            )?;
            site.write(
                ".aws/config",
                &format!("[profile app]\nrole_arn = {role}\nsource_profile = base\nregion = us-east-1\n"),
            )?;
            let keys = format!(
                "[base]\naws_access_key_id = AKIA{}\naws_secret_access_key = {}\n",
                "MEASURED".repeat(2),
                "measured".repeat(5)
            );
            site.write(".aws/credentials", &keys)?;
        }
        Ok(site)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join(".local/share/audex")
    }

    /// Any program, in this home.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        if let Some(url) = &self.endpoint {
            command.env("AWS_ENDPOINT_URL", url).env("AWS_REGION", "us-east-1");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn tryaudex(&self, args: &[&str]) -> Command {
        let mut command = self.program(&self.tryaudex);
        command.args(args);
        command
    }

    /// Copies the record of the one session that there is, until there are this many.
    pub(crate) fn multiply_records(&self, records: usize) -> Result<(), Fault> {
        let folder = self.data().join("sessions");
        let entries = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
        let is_record = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
        let first = entries.into_iter().find(is_record).ok_or("no session was recorded")?;
        let text = fs::read_to_string(&first)?;
        let id = first.file_stem().and_then(|stem| stem.to_str()).ok_or("a record without a name")?;
        let (_, tail) = id.split_once('-').ok_or("a record whose name is no id")?;
        for number in 1..records {
            let other = format!("{number:08x}-{tail}");
            fs::write(folder.join(format!("{other}.json")), text.replace(id, &other))?;
        }
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Fault> {
        let file = self.home.path().join(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(file, text)?)
    }
}

/// Runs a program to its end, which has to be a good one, and returns how long it took.
pub(crate) fn timed(mut command: Command) -> Result<Duration, Fault> {
    let began = Instant::now();
    let output = command.output()?;
    let took = began.elapsed();
    if output.status.success() {
        return Ok(took);
    }
    let program = command.get_program().to_string_lossy().into_owned();
    Err(format!("{program} failed ({})\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}
