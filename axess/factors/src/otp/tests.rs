use super::*;
use data_encoding::{HEXLOWER, HEXUPPER};
use serde_json::Value;

const RFC_4226: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/otp/rfc4226-appendix-d.json"));
const RFC_6238: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/otp/rfc6238-appendix-b.json"));

fn table(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn rows(table: &Value) -> &Vec<Value> {
    table["rows"].as_array().unwrap()
}

fn seed(hex: &Value) -> OtpSeed {
    OtpSeed::from(HEXLOWER.decode(hex.as_str().unwrap().as_bytes()).unwrap())
}

#[test]
fn rfc_4226_appendix_d() {
    let table = table(RFC_4226);
    let seed = seed(&table["secret"]);
    assert_eq!(rows(&table).len(), 10);
    for row in rows(&table) {
        let count = row["count"].as_u64().unwrap();
        assert_eq!(HEXLOWER.encode(&mac::<Hmac<Sha1>>(&seed, count)), row["hmac"].as_str().unwrap());
        assert_eq!(u64::from(truncated(&seed, count, HmacAlgorithm::Sha1)), row["truncated"]);
        let value = hotp_value(&seed, count, 6, HmacAlgorithm::Sha1);
        assert_eq!(code_text(value.into(), 6).expose(), row["hotp"].as_str().unwrap(), "{count}");
    }
}

#[test]
fn rfc_6238_appendix_b() {
    let table = table(RFC_6238);
    assert_eq!(rows(&table).len(), 18);
    for row in rows(&table) {
        let name = row["algorithm"].as_str().unwrap();
        let algorithm: HmacAlgorithm = serde_json::from_value(row["algorithm"].clone()).unwrap();
        assert_eq!(algorithm.as_str(), name);
        let seed = seed(&table["seeds"][name]);
        let step = row["time"].as_u64().unwrap() / table["period_seconds"].as_u64().unwrap();
        assert_eq!(HEXUPPER.encode(&step.to_be_bytes()), row["step"].as_str().unwrap());
        let value = hotp_value(&seed, step, 8, algorithm);
        assert_eq!(code_text(value.into(), 8).expose(), row["totp"].as_str().unwrap(), "{row}");
    }
}

#[test]
fn typed_codes() {
    for (typed, digits, value) in [
        ("012345", 6, Some(12_345)),
        ("012 345", 6, Some(12_345)),
        (" 012-345 ", 6, Some(12_345)),
        ("00000000", 8, Some(0)),
        ("99999999", 8, Some(99_999_999)),
        ("", 6, None),
        ("      ", 6, None),
        ("01234", 6, None),
        ("0123456", 6, None),
        ("012345", 8, None),
        ("01234a", 6, None),
        ("+12345", 6, None),
        ("-12345", 6, None),
        ("012\u{0}345", 6, None),
        ("012345\u{0}", 6, None),
        ("012\t345", 6, None),
        ("012\u{a0}345", 6, None),
        ("٠١٢٣٤٥", 6, None),       // Arabic-Indic digits
        ("０１２３４５", 6, None), // full-width digits
        ("1e5", 6, None),
    ] {
        assert_eq!(parse_code(typed, digits), value, "{typed:?}");
    }
    assert_eq!(parse_code(&format!("012345{}", " ".repeat(26)), 6), Some(12_345));
    assert_eq!(parse_code(&format!("012345{}", " ".repeat(27)), 6), None, "one byte past the limit");
    assert_eq!(parse_code(&"1".repeat(1_000_000), 6), None);
}

#[test]
fn digits_out_of_range_count_as_the_nearest_bound() {
    let seed = OtpSeed::from([7; 20]);
    let at = |digits| hotp_value(&seed, 1, digits, HmacAlgorithm::Sha1);
    assert_eq!((at(0), at(u32::MAX)), (at(6), at(8)));
    assert_eq!(code_text(5, 0).expose(), "000005");
}
