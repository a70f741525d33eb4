use super::ForwardedHeader;
use http::{HeaderMap, HeaderValue};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most hops of a forwarding header that are looked at.
pub const MAX_HOPS: usize = 32;

/// The most bytes of a forwarding header that are looked at, counted from the right.
pub const MAX_FORWARDED_BYTES: usize = 4_096;

/// Yields the hops from the last one added to the first; `None` for a hop that is no address.
pub(super) fn from_the_right(
    headers: &HeaderMap,
    header: &ForwardedHeader,
) -> impl Iterator<Item = Option<IpAddr>> {
    let is_rfc_7239 = *header == ForwardedHeader::Forwarded;
    let lines: Vec<&HeaderValue> = headers.get_all(header.name()).iter().collect();
    let mut budget = MAX_FORWARDED_BYTES;
    lines
        .into_iter()
        .rev()
        .flat_map(move |line| Elements { rest: Some(line.as_bytes()), quotes: is_rfc_7239 })
        .take(MAX_HOPS)
        .map(move |element| {
            budget = budget.checked_sub(element.len())?;
            let element = std::str::from_utf8(element).ok()?.trim_matches([' ', '\t']);
            let ip = if is_rfc_7239 { forwarded_for(element) } else { node(element) };
            ip.map(|ip| ip.to_canonical())
        })
}

/// Splits a list at its commas, from the right.
///
/// Going from the right matters inside quoted strings too: an unbalanced quote that a client wrote stands to the left
/// of what a proxy appended, so it is reached only after the proxy's own elements were read correctly.
struct Elements<'h> {
    rest: Option<&'h [u8]>,
    quotes: bool,
}

impl<'h> Iterator for Elements<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        let rest = self.rest?;
        let mut quoted = false;
        // One element longer than the whole budget ends the walk anyway: do not scan past it.
        let window = rest.len().saturating_sub(MAX_FORWARDED_BYTES + 1);
        let mut at = rest.len();
        while at > window {
            at -= 1;
            match rest.get(at) {
                Some(b'"') if self.quotes && !is_escaped(rest, at) => quoted = !quoted,
                Some(b',') if !quoted => {
                    self.rest = rest.get(..at);
                    return rest.get(at + 1..);
                }
                _ => {}
            }
        }
        self.rest = None;
        Some(rest)
    }
}

/// Tells whether the byte at `at` follows an odd number of backslashes.
fn is_escaped(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Reads the `for` parameter of one `Forwarded` element (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = element;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = parameter_value(after)?;
        if name.trim_matches([' ', '\t']).eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix(';') {
            Some(next) => next.trim_start_matches([' ', '\t']),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    node(found?)
}

/// Reads a token or a quoted string and returns it with what follows it.
///
/// No address needs a backslash escape, so a quoted string with one is returned only to be refused as an address.
fn parameter_value(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut escaped = false;
        let end = quoted.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        return Some((quoted.get(..end)?, quoted.get(end + 1..)?));
    }
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !token(c)).unwrap_or(text.len());
    let (value, after) = text.split_at_checked(end)?;
    (!value.is_empty()).then_some((value, after))
}

/// Reads an address with an optional port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (ip, after) = bracketed.split_once(']')?;
        let port_ok = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return ip.parse::<Ipv6Addr>().ok().filter(|_| port_ok).map(IpAddr::V6);
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip);
    }
    let (ip, port) = text.split_once(':')?;
    ip.parse::<Ipv4Addr>().ok().filter(|_| is_port(port)).map(IpAddr::V4)
}

/// A port is one to five digits, or an obfuscated name (RFC 7239 §6).
fn is_port(text: &str) -> bool {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|c| c.is_ascii_digit());
    let obfuscated = |name: &str| {
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c))
    };
    digits || text.strip_prefix('_').is_some_and(obfuscated)
}
