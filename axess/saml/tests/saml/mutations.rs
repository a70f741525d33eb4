//! No byte of what is signed can be changed.

use crate::{
    attacks::Genuine,
    parties::{judge, provider},
};
use proptest::prelude::*;
use std::ops::Range;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A genuine response, and the parts of it that no signature covers: what stands before it, and of its own signature what
/// is not what was signed.
fn covered() -> (Genuine, Vec<Range<usize>>) {
    let genuine = Genuine::read("both");
    let begin = genuine.text.find("<ns0:Response").unwrap();
    let signature = genuine.text.find(&genuine.signature).unwrap();
    let inside = |part: &str| signature + genuine.signature.find(part).unwrap();
    let opening = signature..inside("<ns2:SignedInfo");
    let info = inside("<ns2:KeyInfo")..signature + genuine.signature.len();
    let end = genuine.text.trim_end().len();
    // A prefix that only a value uses, which nobody reads: exclusive canonicalisation leaves it out.
    let unused = " xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"";
    let unused = genuine.text.match_indices(unused).map(|(at, found)| at..at + found.len());
    let free = [0..begin, opening, info, end..genuine.text.len()].into_iter().chain(unused).collect();
    (genuine, free)
}

/// Changes one byte; nothing where the change would not be one.
fn changed(genuine: &Genuine, free: &[Range<usize>], at: usize, to: u8) -> Option<Vec<u8>> {
    let mut bytes = genuine.text.clone().into_bytes();
    let before = bytes[at];
    // One space is as good as another between attributes, and within what is base64.
    if free.iter().any(|range| range.contains(&at)) || before == to || (is_space(before) && is_space(to)) {
        return None;
    }
    bytes[at] = to;
    Some(bytes)
}

#[test]
fn every_byte_counts() {
    let (genuine, free) = covered();
    let provider = provider();
    assert!(judge(&provider, &genuine.text).is_ok());
    let mut tried = 0;
    for at in 0..genuine.text.len() {
        // A letter of the same kind most of the time, so that the document stays one.
        let flipped = genuine.text.as_bytes()[at] ^ 1;
        if let Some(bytes) = changed(&genuine, &free, at, flipped) {
            tried += 1;
            let judged = judge(&provider, &bytes);
            assert!(
                judged.is_err(),
                "byte {at}: {}",
                String::from_utf8_lossy(&bytes[at.saturating_sub(40)..at + 20])
            );
        }
    }
    assert!(tried > 4_000, "{tried}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_byte_for_any_other(at in 0..7_000_usize, to: u8) {
        let (genuine, free) = covered();
        let at = at % genuine.text.len();
        if let Some(bytes) = changed(&genuine, &free, at, to) {
            prop_assert!(judge(&provider(), &bytes).is_err(), "byte {} to {}", at, to);
        }
    }

    #[test]
    fn nothing_makes_it_panic(text in "[<>/=\"' a-c:&;#x!\\-\\[\\]?\u{e4}\u{0}]{0,200}", bytes: Vec<u8>) {
        prop_assert!(judge(&provider(), text).is_err());
        prop_assert!(judge(&provider(), bytes).is_err());
    }

    #[test]
    fn pieces_of_a_genuine_one_make_none(cut in 0..7_000_usize, from in 0..7_000_usize, length in 0..2_000_usize) {
        let genuine = Genuine::read("both");
        let bytes = genuine.text.as_bytes();
        let (cut, from) = (cut % bytes.len(), from % bytes.len());
        let piece = &bytes[from..(from + length).min(bytes.len())];
        let spliced = [&bytes[..cut], piece, &bytes[cut..]].concat();
        // The unsigned ends and the certificate are nobody's business.
        let (_, free) = covered();
        let is_free = free.iter().any(|range| range.contains(&cut)) || piece.iter().all(|byte| is_space(*byte));
        prop_assert!(is_free || judge(&provider(), spliced).is_err());
    }
}
