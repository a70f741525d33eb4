//! Who owns the other end of a connection on loopback.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, SocketAddr},
};

/// The state of a connection in which its row says who owns it: later ones may say root for everybody.
const ESTABLISHED: &str = "01";

/// Finds the user who owns the socket at `peer` that is connected to `local`; nothing on any doubt.
///
/// The kernel lists a client of ours below IPv6 when it connected to the mapped address.
pub(super) fn owner(peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().find_map(|table| {
        let lines = BufReader::new(File::open(table).ok()?).lines();
        // The whole table is never held: a busy machine has a hundred thousand rows.
        find(lines.map_while(Result::ok), peer, local)
    })
}

fn find(lines: impl Iterator<Item = String>, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    lines.skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (from, to, state) = (fields.next()?, fields.next()?, fields.next()?);
        let is_it = state == ESTABLISHED && address(from)? == peer && address(to)? == local;
        // Queues, timer and retransmits come between.
        if is_it { fields.nth(3)?.parse().ok() } else { None }
    })
}

/// Reads an address as the kernel writes it: words of 32 bits in the machine's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip: IpAddr = match ip.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

    fn row(from: &str, to: &str, state: &str, uid: u32) -> String {
        format!(
            "   7: {from} {to} {state} 00000000:00000000 00:00000000 00000000 {uid:>5}        0 4711 1 0 20 4"
        )
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_clients_row_says_who_it_is() {
        let (client, server) = ("0100007F:C350", "0100007F:1F90");
        let peer: SocketAddr = "127.0.0.1:50000".parse().unwrap();
        let local: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let lines = |rows: &[String]| [&[HEAD.to_owned()], rows].concat().into_iter();
        let ours = row(client, server, "01", 1000);
        assert_eq!(find(lines(&[row(server, client, "01", 0), ours.clone()]), peer, local), Some(1000));

        let mapped = |address: &str| format!("0000000000000000FFFF0000{address}");
        let over_v6 = row(&mapped(client), &mapped(server), "01", 1001);
        assert_eq!(find(lines(&[over_v6]), peer, local), Some(1001));

        for state in ["04", "05", "06", "08", "0A"] {
            assert_eq!(find(lines(&[row(client, server, state, 1000)]), peer, local), None, "{state}");
        }
        for rows in
            [vec![], vec![String::new()], vec!["x y z 01 a".to_owned()], vec![row(client, client, "01", 0)]]
        {
            assert_eq!(find(lines(&rows), peer, local), None, "{rows:?}");
        }
        assert_eq!(find([ours].into_iter(), peer, local), None, "the first line is the head");
    }
}
