use super::{is_here, *};

const NAME: &str = "http://sp.example";

/// The metadata of a service provider that takes answers at a path.
fn metadata(path: &str) -> String {
    format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{NAME}\"><SPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><AssertionConsumerService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{NAME}{path}\" index=\"1\"/>\
         </SPSSODescriptor></EntityDescriptor>"
    )
}

/// Tests name themselves after their addresses, which are given out again.
#[test]
fn a_saml_provider_knows_who_was_made_known_last() {
    if !is_here("a_saml_provider_knows_who_was_made_known_last", Kind::SamlIdp, "curl") {
        return;
    }
    let server = Server::start(Kind::SamlIdp).unwrap();
    let ask = |path: &str, options: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-s", "--noproxy", "*", "-H", "Content-Type: application/xml"]).args(options);
        let output = command.arg(format!("http://127.0.0.1:{}{path}", server.port())).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for path in ["/one", "/two"] {
        assert_eq!(ask("/sp?sign=response", &["--data-binary", &metadata(path)]), NAME);
    }
    let page = ask(&format!("/start?sp={NAME}"), &[]);
    assert!(page.contains(&format!("action=\"{NAME}/two\"")), "{page}");
}
