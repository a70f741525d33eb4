//! Whatever is presented: no panic, and nobody.

use super::ground::{Ground, said};
use proptest::prelude::*;
use std::sync::LazyLock;

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().unwrap());
static GROUND: LazyLock<Ground> = LazyLock::new(Ground::new);
static GOOD: LazyLock<String> = LazyLock::new(|| GROUND.good());

fn verdict(token: &str) -> String {
    said(&RUNTIME.block_on(GROUND.resolve(token)))
}

fn json_text() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        Just(r#""alg":"ES256""#.to_owned()),
        Just(r#""kid":"ec""#.to_owned()),
        Just(r#""sub":"spiffe://prod.example.com/svc/billing/acme""#.to_owned()),
        Just(r#""aud":"https://api.example.com""#.to_owned()),
        Just(r#""exp":99999999999"#.to_owned()),
        Just(r#""iat":1767225600"#.to_owned()),
        "\"[a-z]{1,3}\":(null|[0-9]{1,30}|\"[a-z]{0,3}\"|\\[\\]|\\{\\})",
    ];
    prop::collection::vec(member, 0..8).prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_text_is_nobody(token in ".{0,400}") {
        prop_assert_ne!(verdict(&token), "good");
    }

    #[test]
    fn any_bytes_in_three_parts_are_nobody(parts in prop::array::uniform3(prop::collection::vec(any::<u8>(), 0..200))) {
        let token = parts.map(super::ground::encoded).join(".");
        prop_assert_ne!(verdict(&token), "good");
    }

    #[test]
    fn whatever_has_the_shape_without_the_key_is_nobody(
        header in json_text(), payload in json_text(), signature in prop::collection::vec(any::<u8>(), 64),
    ) {
        let token = [super::ground::encoded(header), super::ground::encoded(payload), super::ground::encoded(signature)];
        prop_assert_ne!(verdict(&token.join(".")), "good");
    }

    #[test]
    fn a_good_token_with_one_byte_changed_is_nobody(at in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        let mut bytes = GOOD.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        prop_assert_ne!(verdict(std::str::from_utf8(&bytes).unwrap()), "good");
    }

    #[test]
    fn a_part_of_a_good_token_is_nobody(end in any::<prop::sample::Index>()) {
        let end = end.index(GOOD.len());
        prop_assert_ne!(verdict(&GOOD[..end]), "good");
    }
}

#[test]
fn the_token_of_the_properties_is_good() {
    assert_eq!(verdict(&GOOD), "good");
}
