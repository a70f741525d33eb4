//! Redis and Valkey, which take the same options, alone and as a cluster.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use super::{Recipe, Settings, first_missing, server};
use crate::{find_program, place::Place, process::wait_until, programs::find_valkey};

/// How many slots the keys of a cluster are hashed to.
const SLOTS: usize = 16_384;

/// A node on loopback answers at once, or something is wrong.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

const READY: &str = "Ready to accept connections";

pub(crate) const REDIS: Recipe = Recipe {
    missing: || first_missing(&["redis-server", "setpriv"]),
    prepare: |_| Ok(()),
    command: |place, settings| command(find_program("redis-server"), place, settings, false),
    ready: READY,
    stop: "TERM",
};

pub(crate) const REDIS_CLUSTER: Recipe = Recipe {
    command: |place, settings| command(find_program("redis-server"), place, settings, true),
    ..REDIS
};

pub(crate) const VALKEY: Recipe = Recipe {
    missing: || find_valkey().is_none().then_some("valkey-server").or_else(|| first_missing(&["setpriv"])),
    command: |place, settings| command(find_valkey(), place, settings, false),
    ..REDIS
};

pub(crate) const VALKEY_CLUSTER: Recipe =
    Recipe { command: |place, settings| command(find_valkey(), place, settings, true), ..VALKEY };

fn command(
    program: Option<PathBuf>,
    place: &Place,
    settings: Settings,
    in_cluster: bool,
) -> Result<Command, String> {
    let program = program.ok_or("the server program is missing")?;
    let mut command = server(&program, None, settings)?;
    command.args(["--bind", "127.0.0.1", "--port", &place.port().to_string(), "--save", ""]);
    command.arg("--dir").arg(place.folder());
    if settings.is_durable {
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    }
    if in_cluster {
        command.args(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]);
        command.args(["--cluster-announce-ip", "127.0.0.1"]);
    }
    Ok(command)
}

/// Makes a cluster of fresh nodes, each with an equal share of the slots, and waits until each knows of all.
pub(crate) fn join(ports: &[u16]) -> Result<(), String> {
    let share = SLOTS.div_ceil(ports.len().max(1));
    for (index, port) in ports.iter().enumerate() {
        let (first, last) = (index * share, ((index + 1) * share).min(SLOTS) - 1);
        order(*port, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"))?;
        order(*port, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1))?;
    }
    let (first, others) = ports.split_first().ok_or("a cluster without nodes")?;
    for port in others {
        order(*first, &format!("CLUSTER MEET 127.0.0.1 {port}"))?;
    }
    wait_until_whole(ports)
}

/// Waits until each node says that the cluster serves all slots.
pub(crate) fn wait_until_whole(ports: &[u16]) -> Result<(), String> {
    let nodes = format!("cluster_known_nodes:{}", ports.len());
    for port in ports {
        let mut last = Ok(String::new());
        wait_until(|| {
            last = ask(*port, "CLUSTER INFO");
            last.as_ref().is_ok_and(|info| info.contains("cluster_state:ok") && info.contains(&nodes))
        })
        .map_err(|()| format!("the node on port {port} does not find its cluster: {last:?}"))?;
    }
    Ok(())
}

fn order(port: u16, line: &str) -> Result<(), String> {
    match ask(port, line)?.as_str() {
        "+OK" => Ok(()),
        other => Err(format!("port {port} answered `{line}` with `{other}`")),
    }
}

/// Sends one command as a line and returns the answer: a status line as it is, a bulk string without its length.
fn ask(port: u16, line: &str) -> Result<String, String> {
    let answer = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.write_all(format!("{line}\r\n").as_bytes())?;
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        reader.read_line(&mut head)?;
        let head = head.trim_end();
        let Some(length) = head.strip_prefix('$').and_then(|length| length.parse().ok()) else {
            return Ok(head.to_owned());
        };
        let mut body = String::new();
        reader.take(length).read_to_string(&mut body)?;
        Ok(body)
    };
    answer().map_err(|error| format!("port {port} does not answer `{line}`: {error}"))
}
