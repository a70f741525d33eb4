use crate::AuditRecord;
use axess_core::store::AuditScope;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// How many bytes of the content's digest are in a name.
const DIGEST: usize = 16;

/// One object: its name and its content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) content: Vec<u8>,
    /// SHA-256 of the content.
    pub(super) digest: [u8; 32],
}

/// As much of the log's entry as says where it stands.
#[derive(Deserialize)]
struct Line {
    seq: u64,
}

impl Object {
    /// Makes the objects of a batch: one for each chain, more where one would be too large.
    pub(super) fn all_of(batch: &[AuditRecord], prefix: &str, max: usize) -> Vec<Self> {
        let mut groups: Vec<(AuditScope, usize, Vec<&AuditRecord>)> = Vec::new();
        for record in batch {
            let more = record.body().len() + 1;
            // The last group of its chain: those before it are full.
            match groups.iter_mut().rev().find(|(scope, ..)| *scope == record.scope()) {
                Some((_, size, group)) if *size + more <= max => {
                    *size += more;
                    group.push(record);
                }
                _ => groups.push((record.scope(), more, vec![record])),
            }
        }
        groups.iter().filter_map(|(scope, _, group)| Self::of(*scope, group, prefix)).collect()
    }

    fn of(scope: AuditScope, group: &[&AuditRecord], prefix: &str) -> Option<Self> {
        let (first, last) = (group.first()?, group.last()?);
        let mut content = Vec::new();
        for record in group {
            content.extend_from_slice(record.body());
            content.push(b'\n');
        }
        let digest: [u8; 32] = Sha256::digest(&content).into();
        let mut key = String::from(prefix);
        if !key.is_empty() {
            key.push('/');
        }
        let day = first.occurred_at().format("%Y/%m/%d");
        let (first, last, digits) = (place(first), place(last), hex(digest.get(..DIGEST)?));
        // Writing to a string does not fail.
        let _ = write!(key, "{}/{day}/{first}-{last}-{digits}.jsonl", chain_name(scope));
        Some(Self { key, content, digest })
    }

    /// Returns the name as part of a URL: each byte that is not unreserved is encoded (RFC 3986, section 2.1).
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for byte in self.key.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                path.push(char::from(byte));
            } else {
                let _ = write!(path, "%{byte:02X}");
            }
        }
        path
    }
}

/// Returns the name of a chain: the tenant's id, or `system`.
fn chain_name(scope: AuditScope) -> String {
    match scope {
        AuditScope::Tenant(tenant_id) => tenant_id.as_uuid().hyphenated().to_string(),
        AuditScope::System => "system".into(),
    }
}

/// Returns where an event stands in its chain, or its id where there is no chain.
fn place(record: &AuditRecord) -> String {
    let line = record.line.as_ref().and_then(|line| serde_json::from_slice::<Line>(line).ok());
    line.map_or_else(|| record.event_id().as_uuid().simple().to_string(), |line| format!("{:020}", line.seq))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
