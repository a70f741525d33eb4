use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<Element, XmlError> {
    parse(text.as_bytes(), 10_000, Comments::Refused)
}

#[test]
fn names_are_resolved() {
    let root = read(
        "<a:r xmlns:a='urn:a' xmlns='urn:d' i='1' a:i='2'><c/><a:c xmlns:a='urn:b'/><c xmlns=''/></a:r>",
    )
    .unwrap();
    assert!(root.is("urn:a", "r"));
    assert_eq!(root.attribute("i"), Some("1"));
    let names: Vec<_> = root.elements().map(|child| child.namespace.as_str()).collect();
    assert_eq!(names, ["urn:d", "urn:b", ""]);
    assert!(root.one("urn:d", "c").is_ok());
    assert_eq!(root.one("urn:x", "c").unwrap_err(), XmlError("an element is missing"));
    let twice = read("<r><a/><a/></r>").unwrap();
    assert!(twice.at_most_one("", "a").is_err());
}

#[test]
fn text_is_read_as_it_is_meant() {
    let text = |inside: &str| read(&format!("<a>{inside}</a>")).map(|root| root.text().map(str::to_owned));
    assert_eq!(
        text("  a&amp;&#x41;&#66;&lt;&gt;&quot;&apos;\r\nb\rc  ").unwrap().unwrap(),
        "a&AB<>\"'\nb\nc"
    );
    assert_eq!(text("").unwrap().unwrap(), "");
    let name = |inside: &str| read(&format!("<a>{inside}</a>")).unwrap().name().map(str::to_owned).ok();
    assert_eq!(name("alice").as_deref(), Some("alice"));
    assert_eq!([name(" alice"), name("alice\n"), name("alice&#32;")], [None, None, None]);
    assert!(text("a<b/>").unwrap().is_err());
    assert!(read("<a>x<b/></a>").unwrap().holds_only_elements().is_err());
    assert!(read("<a> \n<b/></a>").unwrap().holds_only_elements().is_ok());
    let root = read("<a b=\"x\ty\nz\r\n&#9;&#10;'\"/>").unwrap();
    assert_eq!(root.attribute("b"), Some("x y z \t\n'"));
}

#[test]
fn what_is_no_xml_is_refused() {
    for wrong in [
        "",
        " ",
        "a",
        "<a",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "< a/>",
        "<a b/>",
        "<a b=c/>",
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<a b='\"/>",
        "<a b='1' b='2'/>",
        "<a></a b='1'>",
        "<a>]]></a>",
        "<a:b/>",
        "<a:/>",
        "<:a/>",
        "<-a/>",
        "<a>&a;</a>",
        "<a>&</a>",
        "<a><![CDATA[b]]></a>",
        "<a><?b?></a>",
        "<!DOCTYPE a><a/>",
        "<a><!-- --></a>",
        "<!-- --><a/>",
        "<a id='1'><b ID='1'/></a>",
        "<a xml:id='1' Id='1'/>",
        "<a xmlns:b='relative' />",
        "<a xmlns:b='urn:x y'/>",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn comments_are_dropped_where_they_may_be_there() {
    let read = |text: &str| parse(text.as_bytes(), 1_000, Comments::Dropped);
    let root = read("\u{feff}<?xml version='1.0'?><!-- a --><b>c<!-- d -->e<!----></b><!-- f -->").unwrap();
    assert_eq!(root.text().unwrap(), "ce");
    for wrong in ["<a><!-- -- --></a>", "<a><!--></a>", "<a><!--->--></a>x", "<a><!-- </a>"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_fragment_knows_the_prefixes_around_it() {
    let root = read("<a xmlns:x='urn:x'><b xmlns='urn:d'/></a>").unwrap();
    let scope = &root.elements().next().unwrap().scope;
    let fragment = parse_within(b"<x:c><d/></x:c>", 100, scope).unwrap();
    assert!(fragment.is("urn:x", "c") && fragment.one("urn:d", "d").is_ok());
    assert!(parse_within(b"<x:c/>", 100, &Scope::default()).is_err());
    assert!(parse_within(b"<x:c/>", 5, scope).is_err(), "too large");
}

proptest! {
    /// Whatever is written can be read, and says the same.
    #[test]
    fn what_is_written_is_read_back(text in "[ -~\u{e4}\u{1f600}\n\t]{0,60}", value in "[ -~\u{e4}\r\n\t]{0,60}") {
        let element = Element::new(ns::PROTOCOL, "a").with("b", &value).saying(&text);
        let written = crate::c14n::canonical(&element, None, &[]);
        let back = parse(&written, 10_000, Comments::Refused).unwrap();
        prop_assert_eq!(back.attribute("b"), Some(value.as_str()));
        let said: String = back.children.iter().map(|child| match child {
            Node::Text(text) => text.as_str(),
            Node::Element(_) => "",
        }).collect();
        prop_assert_eq!(said, text);
    }
}
