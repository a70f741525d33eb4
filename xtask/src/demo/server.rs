use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
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
    child: Child,
}

impl Server {
    pub(super) fn start(example: &Example, folder: &Path) -> Result<Self, String> {
        let (name, address) = (example.program, example.address());
        let program = folder.join(example.path());
        let mut command = Command::new(&program);
        command.args(example.arguments).envs(super::variables(folder));
        command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
        let child =
            command.spawn().map_err(|error| format!("{} did not start: {error}", program.display()))?;
        println!("{name} runs as process {}", child.id().unwrap_or_default());
        Ok(Self { name, address, child })
    }

    pub(super) async fn wait_until_it_listens(&mut self) -> Outcome {
        for _ in 0..LOOKS {
            self.still_runs()?;
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Err(format!("{} does not listen on {}", self.name, self.address))
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
