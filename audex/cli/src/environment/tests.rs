use super::{
    EmptyPlaces, for_child,
    pattern::matches,
    rules::{GIVEN, KEPT, TAKEN, is_taken},
};
use crate::deliver::Variables;
use proptest::prelude::*;
use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

fn places() -> EmptyPlaces {
    EmptyPlaces::below("/run/user/1000/audex/x".as_ref())
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(OsString, OsString)> {
    pairs.map(|(name, value)| (name.into(), value.into())).to_vec()
}

#[test]
fn every_rule_takes_something_out() {
    for (pattern, reason) in TAKEN {
        let name = pattern.replace('*', "UNHEARD_OF");
        assert!(is_taken(name.as_bytes()), "{name} ({reason})");
        assert!(is_taken(name.to_lowercase().as_bytes()), "{name} in lower case");
    }
}

#[test]
fn what_stays_would_be_taken_otherwise_and_sounds_like_no_secret() {
    for (pattern, _) in KEPT {
        let name = pattern.replace('*', "S3");
        assert!(!is_taken(name.as_bytes()), "{name}");
        let would_be_taken = TAKEN.iter().any(|(taken, _)| matches(taken, name.as_bytes()));
        assert!(would_be_taken, "{pattern} would stay anyway");
        for word in ["SECRET", "TOKEN", "PASSWORD", "PROFILE", "ROLE", "_KEY", "CREDENTIAL", "CONFIG_FILE"] {
            assert!(!name.contains(word), "{pattern}");
        }
    }
}

#[test]
fn what_is_given_is_given_once_and_replaces_what_was_there() {
    let hostile = GIVEN.iter().map(|(name, ..)| ((*name).into(), "/home/ada/secrets".into()));
    let variables = for_child(hostile, &places()).into_variables();
    assert_eq!(variables.len(), GIVEN.len());
    for (name, value) in variables {
        assert!(!value.as_bytes().starts_with(b"/home"), "{name:?}");
    }
}

#[test]
fn of_two_variables_of_one_name_the_first_stays() {
    let environment = for_child(
        pairs([("AWS_REGION", "a"), ("AWS_REGION", "b"), ("HOME", "/"), ("HOME", "/x")]),
        &places(),
    );
    assert_eq!(environment.get("AWS_REGION").unwrap(), "a");
    assert_eq!(environment.into_variables().iter().filter(|(name, _)| name == "HOME").count(), 1);
}

#[test]
fn odd_names_do_not_get_through() {
    let odd = |bytes: &[u8]| (OsString::from_vec(bytes.to_vec()), OsString::from("x"));
    let ambient = [
        odd(b""),
        odd(b"=AWS_PROFILE"),
        odd(b"A=B"),
        odd(b"A\0B"),
        odd(b"AWS_\xff"),
        odd(b"aws_Secret_access_KEY"),
        odd(b"caf\xe9"),
        odd("AWS\u{ff3f}KEY".as_bytes()),
    ];
    let environment = for_child(ambient, &places());
    let taken = [&b""[..], b"=AWS_PROFILE", b"A\0B", b"A=B", b"AWS_\xff", b"aws_Secret_access_KEY"];
    assert_eq!(environment.taken(), taken.map(|name| OsString::from_vec(name.to_vec())));
    let names: Vec<_> = environment.into_variables().into_iter().map(|(name, _)| name.into_vec()).collect();
    assert!(names.contains(&b"caf\xe9".to_vec()), "other bytes are nobody's business");
}

#[test]
fn names_are_told_once_and_values_never() {
    let environment =
        for_child(pairs([("VAULT_TOKEN", "hvs.1"), ("VAULT_TOKEN", "hvs.2"), ("A", "hvs.3")]), &places());
    assert_eq!(environment.taken(), ["VAULT_TOKEN"]);
    assert!(!format!("{environment:?}").contains("hvs."));
}

#[test]
fn a_proxy_is_not_asked_for_our_server() {
    let granted = Variables::default().with("AUDEX_TOKEN_URL", "http://127.0.0.1:4711/credentials");
    let with = |ambient| for_child(ambient, &places()).granted(&granted);

    let plain = with(pairs([("HTTP_PROXY", "")]));
    assert_eq!((plain.get("no_proxy"), plain.get("NO_PROXY")), (None, None));

    let proxied = with(pairs([("https_proxy", "http://proxy.test"), ("NO_PROXY", "intern.test")]));
    assert_eq!(proxied.get("no_proxy").unwrap(), "127.0.0.1");
    assert_eq!(proxied.get("NO_PROXY").unwrap(), "intern.test,127.0.0.1");

    let known = with(pairs([("ALL_PROXY", "socks5://proxy.test"), ("no_proxy", "a, 127.0.0.1")]));
    assert_eq!(known.get("no_proxy").unwrap(), "a, 127.0.0.1");

    let in_variables = Variables::default().with("AUDEX_TOKEN", "eyJ");
    let other = for_child(pairs([("HTTP_PROXY", "http://proxy.test")]), &places()).granted(&in_variables);
    assert_eq!(other.get("NO_PROXY"), None);
    assert_eq!(other.get("AUDEX_TOKEN").unwrap(), "eyJ");
}

proptest! {
    #[test]
    fn nothing_that_is_taken_comes_out(names in proptest::collection::vec("(AWS_|aws_|GOOGLE_|X|VAULT_)?[A-Z_=]{0,8}(_ID_TOKEN)?", 0..20)) {
        let ambient = names.iter().map(|name| (OsString::from(name), OsString::from("secret")));
        let variables = for_child(ambient, &places()).into_variables();
        for (name, value) in &variables {
            prop_assert!(value != "secret" || !is_taken(name.as_bytes()), "{:?}", name);
        }
        let again = for_child(variables.clone(), &places()).into_variables();
        let sorted = |mut all: Vec<(OsString, OsString)>| { all.sort(); all };
        prop_assert_eq!(sorted(again), sorted(variables));
    }
}
