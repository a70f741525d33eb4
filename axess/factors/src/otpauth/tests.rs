use super::*;
use proptest::prelude::*;
use std::time::Duration;

fn config() -> TotpConfig {
    TotpConfig::new(OtpSeed::from(*b"12345678901234567890")).unwrap()
}

fn totp(issuer: &str, account: &str) -> Result<String, OtpauthError> {
    OtpauthUri::totp(&config(), issuer, account).map(|uri| uri.expose().to_owned())
}

#[test]
fn every_parameter_is_explicit() {
    let config = TotpConfig {
        digits: 8,
        period: Duration::from_secs(60),
        algorithm: HmacAlgorithm::Sha512,
        ..config()
    };
    let uri = OtpauthUri::totp(&config, "Example", "alice").unwrap();
    assert_eq!(
        uri.expose(),
        "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example&algorithm=SHA512&digits=8&period=60"
    );
    assert_eq!(uri.expose_key(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let config = HotpConfig {
        counter: u64::MAX,
        algorithm: HmacAlgorithm::Sha256,
        ..HotpConfig::new(OtpSeed::from([0; 16])).unwrap()
    };
    assert_eq!(
        OtpauthUri::hotp(&config, "Example", "alice").unwrap().expose(),
        "otpauth://hotp/Example:alice?secret=AAAAAAAAAAAAAAAAAAAAAAAAAA&issuer=Example&algorithm=SHA256&digits=6&counter=18446744073709551615"
    );
}

#[test]
fn names_are_percent_encoded() {
    let uri = totp("Ä & B?", "a+b%2F=#\"<x>@é.org").unwrap();
    assert!(
        uri.starts_with("otpauth://totp/%C3%84%20%26%20B%3F:a%2Bb%252F%3D%23%22%3Cx%3E%40%C3%A9.org?secret="),
        "{uri}"
    );
    assert!(uri.contains("&issuer=%C3%84%20%26%20B%3F&algorithm="), "{uri}");
}

#[test]
fn names_are_checked() {
    use OtpauthError::{InvalidAccount, InvalidIssuer};
    let (issuer, account) = ("i".repeat(128), "a".repeat(256));
    assert!(totp(&issuer, &account).is_ok());
    for bad in ["", " ", "a:b", "a\nb", "a\0b", "a\u{85}b", &(issuer + "i")] {
        assert_eq!(totp(bad, "alice"), Err(InvalidIssuer), "{bad:?}");
    }
    for bad in ["", "  ", "a:b", "a\rb", "\u{1b}[31m", &(account + "a")] {
        assert_eq!(totp("Example", bad), Err(InvalidAccount), "{bad:?}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let uri = OtpauthUri::totp(&config(), "Example", "alice").unwrap();
    assert_eq!(format!("{uri:?}"), "OtpauthUri([redacted])");
}

#[cfg(feature = "qr")]
#[test]
fn the_drawing_is_one_inert_element() {
    let svg = OtpauthUri::totp(&config(), "<script>", "\"><x>").unwrap().qr_svg().unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{}", &svg[..80]);
    for forbidden in ["<script", "<style", "style=", "href", "<?", "on", "<!", "GEZD", "%"] {
        let body = svg.replace("version=", "").replace("xmlns=", "");
        assert!(!body.contains(forbidden), "{forbidden}");
    }
    assert_eq!(svg.matches('<').count(), 4, "svg, rect, path, /svg");
}

#[cfg(feature = "qr")]
#[test]
fn the_longest_uri_still_fits_a_qr_code() {
    let config = TotpConfig::new(OtpSeed::from([0xff; 64])).unwrap();
    let (issuer, account) = ("ä".repeat(64), "ä".repeat(128));
    let svg = OtpauthUri::totp(&config, &issuer, &account).unwrap().qr_svg();
    assert!(svg.unwrap().len() < 1_000_000);
}

proptest! {
    #[test]
    fn the_uri_is_plain_ascii_with_fixed_structure(issuer in "[^:\\p{Cc}]{1,20}", account in "[^:\\p{Cc}]{1,20}") {
        prop_assume!(!issuer.trim().is_empty() && !account.trim().is_empty());
        let uri = totp(&issuer, &account).unwrap();
        prop_assert!(uri.bytes().all(|b| b.is_ascii_graphic()));
        for (mark, count) in [('?', 1), ('&', 4), ('=', 5), (':', 2), ('/', 3), ('#', 0)] {
            prop_assert_eq!(uri.matches(mark).count(), count, "{}", mark);
        }
    }
}
