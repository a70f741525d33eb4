use std::{
    fs::File,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};

use super::tours::Example;
use crate::Outcome;

/// How often, 100 ms apart, the port is tried while an example starts: thirty seconds in all.
const LOOKS: u32 = 300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A running example. It ends when this is dropped.
pub(super) struct Server {
    name: &'static str,
    address: SocketAddr,
    /// The file of what it prints, and what of it is waited for.
    kept: Option<(PathBuf, &'static str)>,
    child: Child,
}

impl Server {
    pub(super) fn start(example: &Example, folder: &Path) -> Result<Self, String> {
        let (name, address) = (example.program, example.address());
        let program = folder.join(example.path());
        let mut command = Command::new(&program);
        command.args(example.arguments).envs(super::variables(folder));
        command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
        let kept = example.kept.map(|(file, part)| (folder.join(file), part));
        if let Some((file, _)) = &kept {
            let made = File::create(file).map_err(|error| format!("{}: {error}", file.display()))?;
            command.stdout(made);
        }
        let child =
            command.spawn().map_err(|error| format!("{} did not start: {error}", program.display()))?;
        println!("{name} runs as process {}", child.id().unwrap_or_default());
        Ok(Self { name, address, kept, child })
    }

    pub(super) async fn wait_until_it_listens(&mut self) -> Outcome {
        for _ in 0..LOOKS {
            self.still_runs()?;
            if TcpStream::connect(self.address).is_ok() && self.has_printed()? {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Err(format!("{} does not listen on {}", self.name, self.address))
    }

    /// Tells whether what is waited for was printed, and prints it here as well.
    fn has_printed(&self) -> Result<bool, String> {
        let Some((file, part)) = &self.kept else { return Ok(true) };
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let is_there = text.ends_with('\n') && text.contains(part);
        if is_there {
            print!("{text}");
        }
        Ok(is_there)
    }

    /// Fails when the example has ended.
    pub(super) fn still_runs(&mut self) -> Outcome {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("{} ended ({status})", self.name)),
            Err(error) => Err(format!("{} cannot be looked at: {error}", self.name)),
        }
    }
}

pub(super) fn port_is_free(address: SocketAddr) -> Outcome {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "{address} is taken ({error}); end what listens there (`ss -ltnp` shows it) and try again"
        )),
    }
}
