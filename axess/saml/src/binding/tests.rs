use super::*;

fn message() -> Element {
    Element::new(crate::xml::ns::PROTOCOL, "LogoutRequest").with("ID", "_1")
}

fn sent(binding: SamlBinding, destination: &str) -> Redirection {
    let (direction, relay_state) = (Direction::Request, Some("a b/~\u{e4}&c"));
    Outgoing { message: message(), direction, destination, relay_state, key: None }.send(binding).unwrap()
}

#[test]
fn a_query_is_added_to_what_is_there() {
    let Redirection::Get(url) = sent(SamlBinding::Redirect, "https://a.test/?b") else {
        panic!("no redirect")
    };
    let query = url.strip_prefix("https://a.test/?b&SAMLRequest=").unwrap();
    assert!(query.ends_with("&RelayState=a+b%2F~%C3%A4%26c"), "{query}");
    let Redirection::Get(url) = sent(SamlBinding::Redirect, "https://a.test/") else { panic!("no redirect") };
    assert!(url.starts_with("https://a.test/?SAMLRequest="));
}

#[test]
fn a_form_has_the_message_as_it_is() {
    let Redirection::Post { action, fields } = sent(SamlBinding::Post, "https://a.test/") else {
        panic!("no form")
    };
    assert_eq!(action, "https://a.test/");
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["SAMLRequest", "RelayState"]);
    let message = CallbackResponse { parameters: fields, method: CallbackMethod::Post };
    assert_eq!(receive(&message, Direction::Request).unwrap().attribute("ID"), Some("_1"));
    assert!(receive(&message, Direction::Response).is_err());
}

#[test]
fn what_is_compressed_may_be_as_large_as_what_is_not() {
    let fits = deflate(&vec![b' '; MAX_MESSAGE_BYTES]).unwrap();
    assert_eq!(inflate(&fits).unwrap().len(), MAX_MESSAGE_BYTES);
    let over = deflate(&vec![b' '; MAX_MESSAGE_BYTES + 1]).unwrap();
    assert!(inflate(&over).is_err());
    assert!(inflate(b"no deflate").is_err());
    assert!(inflate(&fits[..fits.len() / 2]).is_err());
}
