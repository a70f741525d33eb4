use super::*;
use crate::signing::SigningKeyError;
use proptest::prelude::*;

const NAME: &str = "__Host-session";

fn ring() -> CookieKeyRing {
    CookieKeyRing::new([1u8; 32]).unwrap()
}

fn cookie() -> SessionCookie {
    SessionCookie::new(&SessionCookieConfig::default(), ring()).unwrap()
}

fn id() -> SessionId {
    SessionId::from_bytes([0x5a; 16])
}

fn request(cookies: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        headers.append("cookie", HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
    }
    headers
}

#[test]
fn value_has_the_documented_shape_and_never_changes() {
    let value = ring().sign(NAME, &id());
    let parts: Vec<&str> = value.split('.').collect();
    assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [22, 8, 43]);
    assert_eq!(parts[0], id().to_string());
    // Pinned: a change here logs every user of a deployment out.
    assert_eq!(value, PINNED);
}

/// Computed from the documented construction with another HMAC implementation.
const PINNED: &str = "WlpaWlpaWlpaWlpaWlpaWg.m3laG2jy.qHK-vK7x2fPN9bdNjxIEpYNUWLpbkJnYZyKfGxNy10g";

#[test]
fn every_single_character_change_is_refused() {
    let ring = ring();
    let value = ring.sign(NAME, &id());
    for at in 0..value.len() {
        for other in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \0" {
            let mut bytes = value.clone().into_bytes();
            if bytes[at] != *other {
                bytes[at] = *other;
                let changed = String::from_utf8(bytes).unwrap();
                assert_eq!(ring.verify(NAME, &changed), None, "{changed}");
            }
        }
    }
}

#[test]
fn other_name_other_key_or_other_length_is_refused() {
    let ring = ring();
    let value = ring.sign(NAME, &id());
    assert_eq!(ring.verify(NAME, &value), Some(id()));
    assert_eq!(ring.verify("session", &value), None);
    assert_eq!(CookieKeyRing::new([2u8; 32]).unwrap().verify(NAME, &value), None);
    for bad in [
        String::new(),
        format!("{value}="),
        format!("{value}A"),
        format!(" {value}"),
        value[1..].to_owned(),
        value.replace('.', ""),
        "é".repeat(38),
        "A".repeat(1_000_000),
    ] {
        assert_eq!(ring.verify(NAME, &bad), None);
    }
}

#[test]
fn a_tag_under_another_key_id_is_refused() {
    let ring = ring().with_previous_key([2u8; 32]).unwrap();
    let (ours, theirs) = (ring.sign(NAME, &id()), CookieKeyRing::new([2u8; 32]).unwrap().sign(NAME, &id()));
    assert_eq!(ring.verify(NAME, &theirs), Some(id()));
    let swapped = format!("{}.{}.{}", &ours[..22], &theirs[23..31], &ours[32..]);
    assert_eq!(ring.verify(NAME, &swapped), None);
}

#[test]
fn rotation_reaches_clones_and_keeps_old_cookies_until_retired() {
    let ring = ring();
    let cookie = SessionCookie::new(&SessionCookieConfig::default(), ring.clone()).unwrap();
    let old = format!("{NAME}={}", ring.sign(NAME, &id()));
    let valid = |reissue| SessionCookieRead::Valid { session_id: id(), reissue };
    assert_eq!(cookie.read(&request(&[&old])), valid(false));

    ring.rotate([2u8; 32]).unwrap();
    assert_eq!(cookie.read(&request(&[&old])), valid(true), "asks for a fresh cookie");
    let new = format!("{NAME}={}", ring.sign(NAME, &id()));
    assert_eq!(cookie.read(&request(&[&new])), valid(false));
    ring.rotate([2u8; 32]).unwrap();
    assert_eq!(cookie.read(&request(&[&old])), valid(true), "rotating to the same key keeps the old one");

    ring.rotate([1u8; 32]).unwrap();
    assert_eq!(cookie.read(&request(&[&old])), valid(false), "rotating back");
    ring.rotate([2u8; 32]).unwrap();
    ring.retire_previous();
    assert_eq!(cookie.read(&request(&[&old])), SessionCookieRead::Refused(CookieRefusal::Invalid));
    assert_eq!(cookie.read(&request(&[&new])), valid(false));
}

#[test]
fn previous_keys_are_bounded() {
    let mut ring = ring();
    let first = ring.sign(NAME, &id());
    for i in 0..MAX_PREVIOUS_KEYS {
        ring = ring.with_previous_key([10 + i as u8; 32]).unwrap();
    }
    ring = ring.with_previous_key([10u8; 32]).unwrap(); // known already
    let full = SigningKeyError::TooManyKeys { max: MAX_PREVIOUS_KEYS };
    assert_eq!(ring.clone().with_previous_key([99u8; 32]).unwrap_err(), full);
    assert_eq!(
        ring.clone().with_previous_key([9u8; 31]).unwrap_err(),
        SigningKeyError::TooShort { bytes: 31 }
    );
    assert_eq!(ring.rotate([0u8; 32]), Err(SigningKeyError::AllZero));
    for i in 0..MAX_PREVIOUS_KEYS {
        ring.rotate([100 + i as u8; 32]).unwrap();
        assert!(ring.verify(NAME, &first).is_some());
    }
    ring.rotate([200u8; 32]).unwrap();
    assert!(ring.verify(NAME, &first).is_none(), "the oldest key is dropped");
}

#[test]
fn a_name_found_twice_is_refused_wherever_the_second_is() {
    let (cookie, value) = (cookie(), ring().sign(NAME, &id()));
    let pair = format!("{NAME}={value}");
    let duplicate = SessionCookieRead::Refused(CookieRefusal::Duplicate);
    for twice in [
        vec![format!("{pair}; {pair}")],
        vec![format!("{pair}; a=b; {NAME}=x")],
        vec![format!("{NAME}=; {pair}")],
        vec![format!("{NAME} = x;{pair}")],
        vec![pair.clone(), format!("{NAME}=x")],
        vec![format!("{NAME}=x; b=c"), "d=e".to_owned(), pair.clone()],
    ] {
        let headers: Vec<&str> = twice.iter().map(String::as_str).collect();
        assert_eq!(cookie.read(&request(&headers)), duplicate, "{headers:?}");
    }
}

#[test]
fn the_cookie_is_found_among_others() {
    let (cookie, value) = (cookie(), ring().sign(NAME, &id()));
    let pair = format!("{NAME}={value}");
    for headers in [
        vec![pair.clone()],
        vec![format!("a=b;{pair}")],
        vec![format!(";; \t{pair}\t ;")],
        vec!["a=b".to_owned(), pair.clone(), "c=d".to_owned()],
        vec![format!("novalue; x{NAME}=1; {NAME}x=2; __host-session=3; {pair}; ä=ö")],
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_eq!(cookie.read(&request(&headers)).session_id(), Some(id()), "{headers:?}");
    }
    for absent in [vec![], vec!["a=b"], vec!["__Host-session"], vec!["session=x"]] {
        assert_eq!(cookie.read(&request(&absent)), SessionCookieRead::Absent, "{absent:?}");
    }
    let quoted = format!("{NAME}=\"{value}\"");
    assert_eq!(cookie.read(&request(&[&quoted])), SessionCookieRead::Refused(CookieRefusal::Invalid));
}

#[test]
fn an_overfull_jar_is_refused() {
    let (cookie, pair) = (cookie(), format!("{NAME}={}", ring().sign(NAME, &id())));
    let too_large = SessionCookieRead::Refused(CookieRefusal::TooLarge);
    let many = "a=b;".repeat(MAX_COOKIE_PAIRS);
    assert_eq!(cookie.read(&request(&[&pair, &many])), too_large);
    let fits = "a=b;".repeat(MAX_COOKIE_PAIRS - 2);
    assert_eq!(cookie.read(&request(&[&pair, &fits])).session_id(), Some(id()));
    let long = format!("a={}", "x".repeat(MAX_COOKIE_HEADER_BYTES - 2 - pair.len()));
    assert_eq!(cookie.read(&request(&[&pair, &long])).session_id(), Some(id()));
    assert_eq!(cookie.read(&request(&[&pair, &format!("{long}x")])), too_large);
}

#[test]
fn set_cookie_renders_every_setting() {
    let issue = |config: SessionCookieConfig| {
        let cookie = SessionCookie::new(&config, ring()).unwrap();
        let set = cookie.issue(&id(), Some(Duration::from_millis(90_999)));
        assert!(set.is_sensitive());
        let value = ring().sign(cookie.name(), &id());
        set.to_str().unwrap().replace(&value, "V")
    };
    let base = SessionCookieConfig::default();
    assert_eq!(issue(base.clone()), "__Host-session=V; Max-Age=90; Path=/; HttpOnly; Secure; SameSite=Lax");
    assert_eq!(
        issue(SessionCookieConfig { secure: false, same_site: SameSite::Strict, ..base.clone() }),
        "session=V; Max-Age=90; Path=/; HttpOnly; SameSite=Strict"
    );
    assert_eq!(
        issue(SessionCookieConfig {
            domain: Some("example.com".into()),
            path: "/app".into(),
            same_site: SameSite::None,
            name: Some("sid".into()),
            ..base
        }),
        "sid=V; Max-Age=90; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=None"
    );
    assert_eq!(cookie().removal(), "__Host-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax");
    let forever = cookie().issue(&id(), Some(Duration::MAX));
    assert!(forever.to_str().unwrap().contains("; Max-Age=34560000;"));
    assert!(!cookie().issue(&id(), None).to_str().unwrap().contains("Max-Age"));
}

#[test]
fn settings_that_browsers_would_drop_or_that_inject_are_errors() {
    use CookieConfigError as E;
    let base = SessionCookieConfig::default;
    let named = |name: &str| SessionCookieConfig { name: Some(name.into()), ..base() };
    let path = |path: &str| SessionCookieConfig { path: path.into(), ..base() };
    let domain = |domain: &str| SessionCookieConfig { domain: Some(domain.into()), ..base() };
    let plain = |config: SessionCookieConfig| SessionCookieConfig { secure: false, ..config };
    for (config, error) in [
        (named(""), E::Name),
        (named("a b"), E::Name),
        (named("a=b"), E::Name),
        (named(&"a".repeat(65)), E::Name),
        (plain(named("__Host-x")), E::HostPrefix),
        (plain(named("__HOST-x")), E::HostPrefix),
        (SessionCookieConfig { name: Some("__Host-x".into()), ..path("/a") }, E::HostPrefix),
        (SessionCookieConfig { name: Some("__Host-x".into()), ..domain("a.b") }, E::HostPrefix),
        (plain(named("__Secure-x")), E::SecurePrefix),
        (path(""), E::Path),
        (path("app"), E::Path),
        (path("/a; Domain=evil"), E::Path),
        (path("/a\r\nX: y"), E::Path),
        (path(&format!("/{}", "a".repeat(256))), E::Path),
        (domain(""), E::Domain),
        (domain(".example.com"), E::Domain),
        (domain("example.com; Secure"), E::Domain),
        (domain("-a.com"), E::Domain),
        (plain(SessionCookieConfig { same_site: SameSite::None, ..base() }), E::SameSiteNoneNeedsSecure),
    ] {
        assert_eq!(SessionCookie::new(&config, ring()).unwrap_err(), error, "{config:?}");
    }
}

proptest! {
    #[test]
    fn any_id_and_key_round_trip(id: [u8; 16], key in proptest::array::uniform32(1u8..)) {
        let (ring, id) = (CookieKeyRing::new(key).unwrap(), SessionId::from_bytes(id));
        prop_assert_eq!(ring.verify(NAME, &ring.sign(NAME, &id)), Some(id));
    }

    #[test]
    fn arbitrary_headers_never_make_a_session(bytes in proptest::collection::vec(32u8..127, 0..300)) {
        let mut headers = HeaderMap::new();
        let value = [b"__Host-session=".as_slice(), &bytes].concat();
        headers.append("cookie", HeaderValue::from_bytes(&value).unwrap());
        prop_assert_eq!(cookie().read(&headers).session_id(), None);
    }
}
