//! How much memory programs have while their command runs.

use crate::{Fault, arguments::Arguments, peers::Peer, site::Site, stub::Stub};
use std::{fs, process::Command, time::Duration};

/// The command that a session is around. It is not counted.
const COMMAND: &str = "sleep";
const SECONDS: &str = "0.5";
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// What was measured of one program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) what: String,
    /// How many processes there were most of the time, without the command.
    pub(crate) processes: usize,
    /// The most that those of one moment had had by then, in KiB, together.
    pub(crate) peak: u64,
}

pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Memory>, Fault> {
    let stub = Stub::start()?;
    let site = Site::new(arguments, Some(&stub.url))?;
    let session = |provider, deliver, allow| {
        let args = ["run", "--quiet", "--provider", provider, "--allow", allow, "--deliver", deliver, "--"];
        let mut command = site.tryaudex(&args);
        command.args([COMMAND, SECONDS]);
        command
    };
    let mut all = vec![
        ("tryaudex run --provider local".to_owned(), session("local", "env", "orders:Read")),
        ("tryaudex run --provider aws".to_owned(), session("aws", "env", "s3:ListBucket")),
        ("tryaudex run --deliver endpoint".to_owned(), session("aws", "endpoint", "s3:ListBucket")),
    ];
    for peer in Peer::all() {
        all.push((peer.name().to_owned(), peer.command(&site, &[COMMAND, SECONDS])));
    }
    all.into_iter().map(|(what, command)| watch(what, command)).collect()
}

/// Looks at a program and all that it starts, until it ends.
fn watch(what: String, mut command: Command) -> Result<Memory, Fault> {
    let mut child = command.spawn()?;
    let (mut counts, mut peak) = (Vec::new(), 0);
    let status = loop {
        let now: Vec<u64> = tree(child.id()).into_iter().filter_map(peak_of).collect();
        counts.push(now.len());
        peak = now.iter().sum::<u64>().max(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    };
    if !status.success() {
        return Err(format!("{what} failed ({status})").into());
    }
    // For a moment, the command is a copy of the program that starts it.
    counts.sort_unstable();
    let processes = counts.get(counts.len() / 2).copied().unwrap_or_default();
    Ok(Memory { what, processes, peak })
}

/// A process and its descendants.
fn tree(id: u32) -> Vec<u32> {
    let mut all = vec![id];
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    all.extend(children.split_whitespace().filter_map(|child| child.parse().ok()).flat_map(tree));
    all
}

/// The most memory that a process had as the program that it is, in KiB; nothing for the command.
fn peak_of(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
    if field("Name:")? == COMMAND {
        return None;
    }
    field("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok()
}
