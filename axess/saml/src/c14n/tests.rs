use super::*;
use crate::xml::{Comments, parse};

const MAX: usize = 10_000;

fn vector(name: &str) -> String {
    let file = format!("{}/../../vectors/saml/c14n/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(file).unwrap()
}

fn parsed(text: &str) -> Element {
    parse(text.as_bytes(), MAX, Comments::Dropped).unwrap()
}

fn text_of(element: &Element, inclusive: &[&str]) -> String {
    String::from_utf8(canonical(element, None, inclusive)).unwrap()
}

#[test]
fn what_is_around_an_element_does_not_count() {
    let expected = vector("exclusive-elem2.txt");
    for around in ["exclusive-local.xml", "exclusive-pdu.xml"] {
        let document = parsed(&vector(around));
        assert_eq!(text_of(document.elements().next().unwrap(), &[]), expected, "{around}");
    }
}

#[test]
fn documents_are_written_as_others_write_them() {
    for name in ["whitespace", "tags", "characters"] {
        let document = parsed(&vector(&format!("{name}.xml")));
        assert_eq!(text_of(&document, &[]), vector(&format!("{name}.txt")), "{name}");
    }
}

#[test]
fn what_is_canonical_stays_as_it_is() {
    for name in ["whitespace", "tags", "characters"] {
        let once = vector(&format!("{name}.txt"));
        assert_eq!(text_of(&parsed(&once), &[]), once, "{name}");
    }
}

#[test]
fn prefixes_can_be_told_to_be_included() {
    let document = parsed("<a xmlns='urn:d' xmlns:x='urn:x' xmlns:y='urn:y'><y:b/><c xmlns='' x:i='1'/></a>");
    let y = document.elements().next().unwrap();
    assert_eq!(text_of(y, &[]), r#"<y:b xmlns:y="urn:y"></y:b>"#);
    assert_eq!(text_of(y, &["x"]), r#"<y:b xmlns:x="urn:x" xmlns:y="urn:y"></y:b>"#);
    assert_eq!(text_of(y, &["#default", "nobody"]), r#"<y:b xmlns="urn:d" xmlns:y="urn:y"></y:b>"#);
    let whole = r#"<a xmlns="urn:d" xmlns:x="urn:x"><y:b xmlns:y="urn:y"></y:b><c xmlns="" x:i="1"></c></a>"#;
    assert_eq!(text_of(&document, &["x", "#default"]), whole);
}

#[test]
fn comments_are_left_out_and_so_is_one_child() {
    let document = parsed("<!-- a --><a>b<!-- c -->d<e><f/></e><e/></a>");
    assert_eq!(text_of(&document, &[]), "<a>bd<e><f></f></e><e></e></a>");
    let first = document.elements().next();
    assert_eq!(canonical(&document, first, &[]), b"<a>bd<e></e></a>");
}
