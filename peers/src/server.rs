use std::{
    fs::File,
    os::unix::process::CommandExt,
    process::{Child, Stdio},
};

use crate::{
    AwsAccount, Collector, Kind, Mailbox, OpenIdProvider, Process, Prometheus, Recorded, SyslogInbox,
    place::Place,
    process::{self, wait_until},
    recipe::{Settings, redis},
};

/// How many lines of a server's log go into a message.
const LOG_LINES: usize = 15;

/// A private server on a free loopback port, with an empty data folder of its own.
///
/// Dropping it kills the server and removes the folder. When the test's process is killed, the kernel kills the server,
/// and the next start removes the folder.
///
/// ```no_run
/// use axess_peers::{Kind, Server};
///
/// let mut server = Server::start_durable(Kind::Postgres)?;
/// let url = server.url();
/// // ... write, and in the middle of it:
/// server.kill()?;
/// server.restart()?;
/// assert_eq!(server.url(), url);
/// // ... what was acknowledged is there.
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    settings: Settings,
    /// Added to the environment of its processes.
    variables: Vec<(String, String)>,
    nodes: Vec<Node>,
}

/// One process of a server. A server alone is one node.
#[derive(Debug)]
struct Node {
    place: Place,
    running: Option<(Child, Process)>,
}

impl Server {
    /// Starts a server that is fast rather than careful.
    ///
    /// When it is killed it may lose what it acknowledged; Redis and Valkey lose everything, also when they are stopped.
    ///
    /// # Errors
    ///
    /// A message when the program is missing (see [`Kind::missing`]) or does not come up; then with the end of its log.
    pub fn start(kind: Kind) -> Result<Self, String> {
        Self::start_with(kind, Settings { is_durable: false, is_lasting: false }, Vec::new())
    }

    /// Starts a server that keeps what it acknowledged when it is killed: each commit is written and flushed first.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start_durable(kind: Kind) -> Result<Self, String> {
        Self::start_with(kind, Settings { is_durable: true, is_lasting: false }, Vec::new())
    }

    /// Starts a server, as fast as [`Server::start`], that goes on when this program ends.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start_lasting(kind: Kind) -> Result<Recorded, String> {
        let settings = Settings { is_durable: false, is_lasting: true };
        let server = Self::start_with(kind, settings, Vec::new())?;
        Ok(server.into_recorded())
    }

    /// Starts a server, as fast as [`Server::start`], in an environment with further variables: a clock of its own, say.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start_with_variables(kind: Kind, variables: Vec<(String, String)>) -> Result<Self, String> {
        Self::start_with(kind, Settings { is_durable: false, is_lasting: false }, variables)
    }

    fn start_with(kind: Kind, settings: Settings, variables: Vec<(String, String)>) -> Result<Self, String> {
        if let Some(reason) = kind.missing() {
            return Err(reason);
        }
        Place::sweep();
        let mut server = Self { kind, settings, variables, nodes: Vec::new() };
        for _ in 0..kind.nodes() {
            let node = Node { place: Place::claim(kind.ports())?, running: None };
            (kind.recipe().prepare)(&node.place)
                .map_err(|error| format!("{} cannot be prepared: {error}", kind.name()))?;
            server.nodes.push(node);
        }
        server.launch()?;
        if kind.is_cluster() {
            redis::join(&server.ports())?;
        }
        Ok(server)
    }

    /// Returns the URL with user and password.
    ///
    /// Of a cluster it is the first node's.
    pub fn url(&self) -> String {
        self.kind.url(self.port())
    }

    /// Returns a URL for each node.
    pub fn urls(&self) -> Vec<String> {
        self.ports().into_iter().map(|port| self.kind.url(port)).collect()
    }

    /// Returns the port on 127.0.0.1, which stays the same over [`Server::restart`].
    ///
    /// Of a cluster it is the first node's.
    pub fn port(&self) -> u16 {
        self.ports().first().copied().unwrap_or_default()
    }

    /// Returns the environment variables, by which [`crate::shared`], [`Mailbox::shared`] and [`SyslogInbox::shared`] find it.
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut variables = vec![(self.kind.variable().to_owned(), self.urls().join(","))];
        if let (Some(name), Some(node)) = (self.kind.folder_variable(), self.nodes.first()) {
            variables.push((name.to_owned(), node.place.folder().display().to_string()));
        }
        variables
    }

    /// Returns the mails of an SMTP server.
    pub fn mailbox(&self) -> Option<Mailbox> {
        let node = self.nodes.first().filter(|_| self.kind == Kind::Smtp)?;
        Some(Mailbox::in_folder(node.place.folder()))
    }

    /// Returns the account of a server that plays AWS.
    pub fn aws_account(&self) -> Option<AwsAccount> {
        AwsAccount::of(self.kind, &self.url())
    }

    /// Returns the messages of a syslog server.
    pub fn syslog_inbox(&self) -> Option<SyslogInbox> {
        let node = self.nodes.first().filter(|_| self.kind == Kind::Syslog)?;
        Some(SyslogInbox::in_folder(node.place.folder()))
    }

    /// Returns what a Prometheus is told by.
    pub fn prometheus(&self) -> Option<Prometheus> {
        let node = self.nodes.first().filter(|_| self.kind == Kind::Prometheus)?;
        Some(Prometheus::in_folder(node.place.folder()))
    }

    /// Returns what a collector of telemetry received.
    pub fn collector(&self) -> Option<Collector> {
        let node = self.nodes.first().filter(|_| self.kind == Kind::Otlp)?;
        Some(Collector::in_folder(node.place.folder()))
    }

    /// Returns what a client of an OpenID Provider needs to know.
    pub fn openid_provider(&self) -> Option<OpenIdProvider> {
        let node = self.nodes.first().filter(|_| self.kind == Kind::OpenIdProvider)?;
        Some(OpenIdProvider::in_folder(self.url(), node.place.folder()))
    }

    /// Kills every process of the server in the middle of what it does (SIGKILL).
    ///
    /// The data stay.
    ///
    /// # Errors
    ///
    /// A message when a process does not end.
    pub fn kill(&mut self) -> Result<(), String> {
        self.nodes.iter_mut().try_for_each(Node::kill)
    }

    /// Kills one node, counted from 0 in the order of [`Server::urls`].
    ///
    /// # Errors
    ///
    /// A message when there is no such node, or it does not end.
    pub fn kill_node(&mut self, index: usize) -> Result<(), String> {
        let node = self.nodes.get_mut(index).ok_or_else(|| format!("there is no node {index}"))?;
        node.kill()
    }

    /// Ends the server in good order, as an operator would.
    ///
    /// The data stay. A paused server goes on first.
    ///
    /// # Errors
    ///
    /// A message when it does not end; then it is killed.
    pub fn stop(&mut self) -> Result<(), String> {
        self.resume();
        let signal = self.kind.recipe().stop;
        self.nodes.iter_mut().try_for_each(|node| node.stop(signal))
    }

    /// Starts what was killed or stopped again, on the same port and data, and waits until it answers.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn restart(&mut self) -> Result<(), String> {
        self.launch()?;
        if self.kind.is_cluster() { redis::wait_until_whole(&self.ports()) } else { Ok(()) }
    }

    /// Freezes every process of the server (SIGSTOP).
    ///
    /// Connections stay open, the kernel even accepts new ones, and nothing answers.
    pub fn pause(&mut self) {
        self.processes().for_each(|process| drop(process.freeze()));
    }

    /// Lets a paused server go on (SIGCONT).
    pub fn resume(&mut self) {
        self.processes().for_each(Process::thaw);
    }

    /// Returns the main process of each node that was started and neither killed nor stopped.
    pub fn processes(&self) -> impl Iterator<Item = Process> + '_ {
        self.nodes.iter().filter_map(|node| node.running.as_ref().map(|(_, process)| *process))
    }

    fn into_recorded(mut self) -> Recorded {
        let mut recorded = Recorded {
            name: self.kind.name().to_owned(),
            urls: self.urls(),
            variables: self.variables().into_iter().collect(),
            processes: Vec::new(),
        };
        for node in self.nodes.drain(..) {
            recorded.processes.extend(node.running.map(|(_, process)| process));
            node.place.leave();
        }
        recorded
    }

    fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.place.port()).collect()
    }

    /// Starts each node that does not run, then waits for all.
    fn launch(&mut self) -> Result<(), String> {
        for node in &mut self.nodes {
            node.launch(self.kind, self.settings, &self.variables)
                .map_err(|error| format!("{}: {error}", self.kind.name()))?;
        }
        self.nodes.iter_mut().try_for_each(|node| node.wait_until_ready(self.kind))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // All of them, even if one resists.
        for node in &mut self.nodes {
            let _ = node.kill();
        }
    }
}

impl Node {
    fn launch(
        &mut self,
        kind: Kind,
        settings: Settings,
        variables: &[(String, String)],
    ) -> Result<(), String> {
        let ended = |(child, _): &mut (Child, Process)| matches!(child.try_wait(), Ok(Some(_)));
        if self.running.as_mut().is_some_and(|running| !ended(running)) {
            return Ok(());
        }
        let mut command = (kind.recipe().command)(&self.place, settings)?;
        let file = self.place.folder().join("log");
        let fault = |error: std::io::Error| format!("{}: {error}", file.display());
        File::create(&file).map_err(fault)?;
        // Appending: a server may also write to it by its name.
        let log = File::options().append(true).open(&file).map_err(fault)?;
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(fault)?).stderr(log);
        // Out of the way of a Ctrl-C that is meant for us.
        command.process_group(0).current_dir(self.place.folder()).env("LC_ALL", "C");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = process::spawn(command).map_err(|error| format!("did not start: {error}"))?;
        let Some(process) = Process::of(child.id()) else {
            let _ = child.wait();
            return Err(format!("ended at once{}", self.log()));
        };
        self.running = Some((child, process));
        Ok(())
    }

    /// Waits for the line that the server writes to its log. A connection would not tell whose port it is.
    fn wait_until_ready(&mut self, kind: Kind) -> Result<(), String> {
        let mut ended = None;
        let place = &self.place;
        let Some((child, _)) = &mut self.running else {
            return Err(format!("{} was not started", kind.name()));
        };
        let waited = wait_until(|| {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || read_log(place).contains(kind.recipe().ready)
        });
        let fault = match (waited, ended) {
            (Ok(()), None) => return Ok(()),
            (_, Some(status)) => format!("ended at once ({status})"),
            (Err(()), None) => "does not come up".to_owned(),
        };
        Err(format!("{} {fault}{}", kind.name(), self.log()))
    }

    fn kill(&mut self) -> Result<(), String> {
        let Some((mut child, process)) = self.running.take() else {
            return Ok(());
        };
        let killed = process.kill();
        if killed.is_ok() {
            // A zombie is not running, but its last thread, which holds its sockets, may go a moment later.
            let _ = wait_until(|| !matches!(child.try_wait(), Ok(None)));
        }
        killed
    }

    fn stop(&mut self, signal: &str) -> Result<(), String> {
        let Some((child, process)) = &mut self.running else {
            return Ok(());
        };
        process::signal(signal, &[*process]);
        let ended = wait_until(|| matches!(child.try_wait(), Ok(Some(_))));
        self.kill()?;
        ended.map_err(|()| format!("the server did not end by itself{}", self.log()))
    }

    /// The end of the log, for a message.
    fn log(&self) -> String {
        let text = read_log(&self.place);
        let lines: Vec<&str> = text.lines().collect();
        let end = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
        format!("; its log ends:\n{}", end.join("\n"))
    }
}

fn read_log(place: &Place) -> String {
    let bytes = std::fs::read(place.folder().join("log")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
