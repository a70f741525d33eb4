use crate::JoseError;
use base64::{Engine, engine::general_purpose::STANDARD};

/// The longest PEM text, in bytes.
const MAX_PEM_BYTES: usize = 64 * 1024;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_ID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// The tag of a certificate's version.
const VERSION: u8 = 0xa0;

/// Reads DER (X.690): definite, shortest lengths, one element after the other.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// Returns the content of the next element if it has this tag.
    pub(crate) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        if *found != tag {
            return None;
        }
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            0x81 => {
                let (length, rest) = rest.split_first()?;
                (usize::from(*length).checked_sub(0x80)? + 0x80, rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_be_bytes(*length)).checked_sub(0x100)? + 0x100, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// Returns the bytes of a positive INTEGER without its sign byte.
    pub(crate) fn positive(&mut self) -> Option<&'a [u8]> {
        match self.read(INTEGER)? {
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Some(rest),
            bytes => bytes.first().is_some_and(|first| (1..0x80).contains(first)).then_some(bytes),
        }
    }

    /// Returns the bytes of a BIT STRING of whole bytes.
    pub(crate) fn bits(&mut self) -> Option<&'a [u8]> {
        match self.read(BIT_STRING)? {
            [0, bytes @ ..] => Some(bytes),
            _ => None,
        }
    }
}

/// Returns the content of the `SubjectPublicKeyInfo` of a certificate (RFC 5280 §4.1); nothing else of it is looked at.
pub(crate) fn certificate_key(der: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader::new(der);
    let mut certificate = Reader::new(outer.read(SEQUENCE)?);
    if !outer.is_empty() {
        return None;
    }
    let mut fields = Reader::new(certificate.read(SEQUENCE)?);
    if fields.next_is(VERSION) {
        fields.read(VERSION)?;
    }
    fields.read(INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        fields.read(SEQUENCE)?;
    }
    fields.read(SEQUENCE)
}

/// Returns the label and the bytes of a PEM text (RFC 7468) of one block.
pub(crate) fn pem(text: &str) -> Result<(&str, Vec<u8>), JoseError> {
    if text.len() > MAX_PEM_BYTES {
        return Err(JoseError::TooLarge);
    }
    block(text.trim()).ok_or(JoseError::KeyRefused("no PEM text of one block"))
}

fn block(text: &str) -> Option<(&str, Vec<u8>)> {
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    if end.strip_suffix("-----")? != label {
        return None;
    }
    let body: String = body.split_ascii_whitespace().collect();
    Some((label, STANDARD.decode(body).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_spelling() {
        let long = [&[0x30, 0x81, 0x80][..], &[7; 0x80]].concat();
        assert_eq!(Reader::new(&long).read(SEQUENCE), Some(&[7; 0x80][..]));
        let longer = [&[0x30, 0x82, 0x01, 0x00][..], &[7; 0x100]].concat();
        assert_eq!(Reader::new(&longer).read(SEQUENCE), Some(&[7; 0x100][..]));
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 1],
            &[0x31, 0],
            // Lengths that could be shorter, have no end, or take more than two bytes.
            &[0x30, 0x81, 0x01, 7],
            &[0x30, 0x82, 0x00, 0x01, 7],
            &[0x30, 0x80, 7, 0, 0],
            &[0x30, 0x83, 0, 0, 1, 7],
            &[0x30, 0xff],
        ] {
            assert_eq!(Reader::new(bytes).read(SEQUENCE), None, "{bytes:x?}");
        }
    }

    #[test]
    fn integers_are_positive_and_short() {
        for (bytes, value) in [
            (&[2, 1, 5][..], Some(&[5][..])),
            (&[2, 2, 0, 0x80], Some(&[0x80])),
            (&[2, 2, 0, 5], None),
            (&[2, 1, 0], None),
            (&[2, 1, 0x80], None),
            (&[2, 0], None),
        ] {
            assert_eq!(Reader::new(bytes).positive(), value, "{bytes:x?}");
        }
    }

    #[test]
    fn pem_is_one_block() {
        assert_eq!(pem("-----BEGIN A-----\nAQID\n-----END A-----\n").unwrap(), ("A", vec![1, 2, 3]));
        for text in [
            "",
            "AQID",
            "-----BEGIN A-----\nAQID\n-----END B-----",
            "-----BEGIN A-----\nAQ!D\n-----END A-----",
            "-----BEGIN A-----\nAQID\n-----END A-----\n-----BEGIN A-----\nAQID\n-----END A-----",
        ] {
            assert!(matches!(pem(text), Err(JoseError::KeyRefused(_))), "{text}");
        }
        assert!(matches!(pem(&" ".repeat(MAX_PEM_BYTES + 1)), Err(JoseError::TooLarge)));
    }
}
