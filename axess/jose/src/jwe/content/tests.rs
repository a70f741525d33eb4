use super::*;
use serde_json::Value;

/// What Wycheproof says about AES-CBC with HMAC; see `vectors/wycheproof/README.md`.
#[test]
fn verdicts_on_cbc_with_hmac() {
    for (encryption, file, tests) in [
        (
            ContentEncryption::A128CbcHs256,
            include_str!("../../../../../vectors/wycheproof/a128cbc_hs256.json"),
            94,
        ),
        (
            ContentEncryption::A256CbcHs512,
            include_str!("../../../../../vectors/wycheproof/a256cbc_hs512.json"),
            94,
        ),
    ] {
        let file: Value = serde_json::from_str(file).unwrap();
        let mut seen = 0;
        for test in
            file["testGroups"].as_array().unwrap().iter().flat_map(|group| group["tests"].as_array().unwrap())
        {
            let bytes =
                |name: &str| data_encoding::HEXLOWER.decode(test[name].as_str().unwrap().as_bytes()).unwrap();
            let opened =
                open(encryption, &bytes("key"), &bytes("aad"), &bytes("iv"), &bytes("ct"), &bytes("tag"));
            let is_valid = test["result"] == "valid";
            assert_eq!(opened.ok(), is_valid.then(|| bytes("msg")), "{} {test}", encryption.name());
            seen += 1;
        }
        assert_eq!(seen, tests);
    }
}
