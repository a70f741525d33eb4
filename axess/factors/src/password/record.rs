//! The stored form of a password hash: a PHC string.
//!
//! `$argon2id$v=19$m=65536,t=2,p=1$<salt>$<hash>` without a pepper, a plain Argon2id hash that other software reads.
//! With a pepper the parameters end in `keyid=<base64>`, the PHC parameter for exactly this purpose. Its decoded bytes
//! are a version byte and the pepper id. Version 1 means that Argon2id hashed HMAC-SHA-256(pepper, password); another
//! way to season gets another version, and records of an unknown version are refused.

use super::{params::Argon2idParams, pepper::is_pepper_id};
use argon2::{ARGON2ID_IDENT, password_hash::phc};
use axess_identity::PasswordHash;
use data_encoding::BASE64_NOPAD;
use std::fmt::Write;
use subtle::ConstantTimeEq;

/// Salt and output of a new hash, in bytes (RFC 9106 §4).
pub(crate) const SALT_BYTES: usize = 16;
pub(crate) const OUTPUT_BYTES: usize = 32;

/// The output lengths of a stored hash that are accepted.
const MIN_OUTPUT_BYTES: usize = 16;
const MAX_OUTPUT_BYTES: usize = 64;

/// The longest record that is parsed.
const MAX_RECORD_BYTES: usize = 512;

/// The Argon2 version, 0x13 (RFC 9106 §3.1).
const ARGON2_VERSION: u32 = 0x13;

/// The first byte of a `keyid`.
const SEASONING_VERSION: u8 = 1;

/// A parsed record.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) params: Argon2idParams,
    pub(crate) pepper: Option<String>,
    pub(crate) salt: Vec<u8>,
    output: Vec<u8>,
}

impl Record {
    pub(crate) fn new(params: Argon2idParams, pepper: Option<&str>, salt: Vec<u8>, output: Vec<u8>) -> Self {
        Self { params, pepper: pepper.map(str::to_owned), salt, output }
    }

    /// Reads a record. `None` means it is malformed, asks for more than the ceilings, or is not ours to read.
    pub(crate) fn parse(stored: &PasswordHash) -> Option<Self> {
        let text = stored.expose();
        if text.len() > MAX_RECORD_BYTES {
            return None;
        }
        let hash = phc::PasswordHash::new(text).ok()?;
        if hash.algorithm != ARGON2ID_IDENT || hash.version != Some(ARGON2_VERSION) {
            return None;
        }
        let (mut memory, mut time, mut lanes, mut pepper) = (None, None, None, None);
        for (name, value) in hash.params.iter() {
            let repeated = match name.as_str() {
                "m" => memory.replace(value.decimal().ok()?).is_some(),
                "t" => time.replace(value.decimal().ok()?).is_some(),
                "p" => lanes.replace(value.decimal().ok()?).is_some(),
                "keyid" => pepper.replace(pepper_id(value.as_str())?).is_some(),
                _ => return None,
            };
            if repeated {
                return None;
            }
        }
        let output = hash.hash?.as_ref().to_vec();
        if !(MIN_OUTPUT_BYTES..=MAX_OUTPUT_BYTES).contains(&output.len()) {
            return None;
        }
        Some(Self {
            params: Argon2idParams::new(memory?, time?, lanes?).ok()?,
            pepper,
            salt: hash.salt?.as_ref().to_vec(),
            output,
        })
    }

    pub(crate) fn to_phc(&self) -> PasswordHash {
        let params = self.params;
        let mut text = format!(
            "$argon2id$v={ARGON2_VERSION}$m={},t={},p={}",
            params.memory_kib(),
            params.time_cost(),
            params.parallelism()
        );
        if let Some(id) = &self.pepper {
            let mut keyid = vec![SEASONING_VERSION];
            keyid.extend_from_slice(id.as_bytes());
            // Writing to a `String` cannot fail.
            let _ = write!(text, ",keyid={}", BASE64_NOPAD.encode(&keyid));
        }
        for part in [&self.salt, &self.output] {
            text.push('$');
            text.push_str(&BASE64_NOPAD.encode(part));
        }
        PasswordHash::from(text)
    }

    pub(crate) fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Compares in time that depends only on the lengths.
    pub(crate) fn matches(&self, output: &[u8]) -> bool {
        self.output.ct_eq(output).into()
    }

    /// Tells whether a new hash would be made differently.
    pub(crate) fn is_outdated(&self, params: Argon2idParams, pepper: Option<&str>) -> bool {
        self.params != params
            || self.pepper.as_deref() != pepper
            || self.salt.len() != SALT_BYTES
            || self.output.len() != OUTPUT_BYTES
    }
}

fn pepper_id(keyid: &str) -> Option<String> {
    let bytes = BASE64_NOPAD.decode(keyid.as_bytes()).ok()?;
    let (&version, id) = bytes.split_first()?;
    let id = std::str::from_utf8(id).ok()?;
    (version == SEASONING_VERSION && is_pepper_id(id)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    fn parse(text: &str) -> Option<Record> {
        Record::parse(&PasswordHash::from(text))
    }

    #[test]
    fn records_survive_a_round_trip() {
        for text in [GOOD.to_owned(), GOOD.replace("p=1", "p=1,keyid=ATIwMjZh")] {
            assert_eq!(parse(&text).unwrap().to_phc().expose(), text);
        }
        let seasoned = parse(&GOOD.replace("p=1", "p=1,keyid=ATIwMjZh")).unwrap();
        assert_eq!(seasoned.pepper.as_deref(), Some("2026a"));
    }

    #[test]
    fn hostile_records_are_refused() {
        let with = |from: &str, to: &str| GOOD.replace(from, to);
        for text in [
            String::new(),
            "$".to_owned(),
            "hunter2".to_owned(),
            with("argon2id", "argon2i"),
            with("argon2id", "bcrypt"),
            with("v=19", "v=16"),
            with("$v=19", ""),
            with("m=65536", "m=1048577"),
            with("m=65536", "m=4294967295"),
            with("m=65536", "m=4294967296"),
            with("m=65536", "m=-1"),
            with("m=65536", "m=065536"),
            with("m=65536,", ""),
            with("m=65536", "m=65536,m=8"),
            with("t=2", "t=17"),
            with("t=2", "t=0"),
            with("p=1", "p=17"),
            with("p=1", "p=1,keyid=AjIwMjZh"), // seasoning version 2
            with("p=1", "p=1,keyid=AQ"),       // no id
            with("p=1", "p=1,keyid=ASQk"),     // id "$$"
            with("p=1", "p=1,data=AAAA"),
            with("p=1", "p=1,keyid=ATIwMjZh,keyid=ATIwMjZi"),
            with("CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFhFdXPJO1aFaMaO6Mm"), // 15 bytes
            with("$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", ""),
            with("c29tZXNhbHRzb21lc2FsdA", "c2FsdA"),
            with("c29tZXNhbHRzb21lc2FsdA$", ""),
            format!("{GOOD}$"),
            format!("{GOOD}\n"),
            format!(" {GOOD}"),
            "$argon2id$v=19".repeat(100_000),
        ] {
            assert!(parse(&text).is_none(), "{}", &text[..text.len().min(120)]);
        }
    }

    proptest! {
        #[test]
        fn damaged_records_never_panic(place in 0..GOOD.len(), byte in 0x20_u8..0x7f) {
            let mut text = GOOD.as_bytes().to_vec();
            text[place] = byte;
            let text = String::from_utf8(text).unwrap();
            if let Some(record) = parse(&text) {
                prop_assert!(record.params.memory_kib() <= 1_048_576);
                prop_assert!(record.params.time_cost() <= 16);
            }
        }
    }
}
