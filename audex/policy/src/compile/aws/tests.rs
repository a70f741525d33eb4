use super::*;
use crate::{Request, Rules, narrow};

fn grant(allow: &str, denies: &[&str]) -> Grant {
    let request = Request::parse(Provider::Aws, allow, &[]).unwrap();
    narrow(&request, &[], &Rules::parse(denies).unwrap()).unwrap().grant
}

#[test]
fn documents_are_small_and_always_the_same() {
    for (allow, denies, statements) in [
        (
            "s3:ListBucket,s3:GetObject",
            &[][..],
            r#"{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"*"}"#,
        ),
        (
            "s3:GetObject=arn:aws:s3:::a/*,s3:PutObject=arn:aws:s3:::a/*,s3:ListBucket=arn:aws:s3:::a",
            &[],
            r#"{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::a"},{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*"}"#,
        ),
        (
            "s3:GetObject=arn:aws:s3:::b/*,s3:GetObject=arn:aws:s3:::a/*",
            &[],
            r#"{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::a/*","arn:aws:s3:::b/*"]}"#,
        ),
        (
            "s3:*",
            &["*:Delete*", "iam:*"],
            r#"{"Effect":"Allow","Action":["s3:*"],"Resource":"*"},{"Effect":"Deny","Action":["iam:*","s3:Delete*"],"Resource":"*"}"#,
        ),
        (
            "s3:GetObject",
            &["s3:*=arn:aws:s3:::secret/\"x*"],
            r#"{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"*"},{"Effect":"Deny","Action":["s3:*"],"Resource":"arn:aws:s3:::secret/\"x*"}"#,
        ),
    ] {
        let policy = session_policy(&grant(allow, denies)).unwrap();
        assert_eq!(policy.document, format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#));
        assert!(policy.left_out.is_empty());
        serde_json::from_str::<serde_json::Value>(&policy.document).unwrap();
    }
}

#[test]
fn what_no_policy_can_say_is_refused() {
    let reason = |allow: &str, denies: &[&str]| session_policy(&grant(allow, denies)).unwrap_err().reason;
    assert!(matches!(reason("*:Delete*", &[]), RefusalReason::NotExpressible(_)));
    assert!(matches!(reason("*", &["*:Delete*"]), RefusalReason::NotExpressible(_)));
    assert_eq!(reason("s3:GetObject", &["s3:*"]), RefusalReason::Empty);
    assert_eq!(reason("s3:GetObject=arn:aws:s3:::a/Ā", &[]), RefusalReason::BadCharacter('Ā'));
    let local = Request::parse(Provider::Local, "orders:Read", &[]).unwrap();
    let local = narrow(&local, &[], &Rules::default()).unwrap().grant;
    assert_eq!(session_policy(&local).unwrap_err().reason, RefusalReason::OtherProvider(Provider::Local));
}

#[test]
fn the_limit_is_met_to_the_character() {
    let allow = |length: usize| {
        format!(
            "s3:GetObject=arn:aws:s3:::{},s3:PutObject=arn:aws:s3:::{}",
            "a".repeat(800),
            "b".repeat(length)
        )
    };
    let size = |length| session_policy(&grant(&allow(length), &[])).map(|policy| policy.document.len());
    let fixed = size(1).unwrap() - 1;
    assert_eq!(size(MAX_POLICY - fixed), Ok(MAX_POLICY));
    let refusal = size(MAX_POLICY - fixed + 1).unwrap_err();
    let expected = RefusalReason::TooLarge { what: "policy", size: MAX_POLICY + 1, limit: MAX_POLICY };
    assert_eq!(refusal.reason, expected);
    assert!(refusal.instead.iter().any(|hint| hint.contains("longest entry, s3:PutObject")), "{refusal:?}");
}

#[test]
fn only_denials_that_touch_nothing_give_way() {
    let far: Vec<String> =
        (0..80).map(|at| format!("sqs:*=arn:aws:sqs:eu-west-1:123456789012:queue-{at}")).collect();
    let mut denies: Vec<&str> = far.iter().map(String::as_str).collect();
    denies.push("s3:Delete*");
    let policy = session_policy(&grant("s3:*", &denies)).unwrap();
    assert_eq!(policy.left_out.iter().count(), 80);
    assert!(policy.document.contains(r#"{"Effect":"Deny","Action":["s3:Delete*"],"Resource":"*"}"#));
    // Those that touch what is allowed stay, or nothing is granted.
    let near: Vec<String> = (0..80).map(|at| format!("s3:*=arn:aws:s3:::secret-bucket-{at}/*")).collect();
    let near: Vec<&str> = near.iter().map(String::as_str).collect();
    assert!(matches!(
        session_policy(&grant("s3:*", &near)).unwrap_err().reason,
        RefusalReason::TooLarge { what: "policy", .. }
    ));
}

#[test]
fn managed_policies_count_too() {
    let policy = session_policy(&grant("s3:GetObject", &[])).unwrap();
    let arn = |account: &str, name: &str| format!("arn:aws:iam::{account}:policy/{name}");
    let check =
        |arns: &[String]| policy.check_managed(arns, "123456789012").map_err(|refusal| refusal.reason);
    assert_eq!(check(&[arn("123456789012", "a"), arn("aws", "ReadOnlyAccess")]), Ok(()));
    assert!(check(&[arn("210987654321", "a")]).is_err());
    assert!(check(&["arn:aws:iam::aws:role/a".to_owned()]).is_err());
    assert!(check(&["policy/a".to_owned()]).is_err());
    let eleven: Vec<String> = (0..11).map(|at| arn("aws", &at.to_string())).collect();
    assert!(matches!(check(&eleven), Err(RefusalReason::TooLarge { size: 11, limit: 10, .. })));
    let long: Vec<String> = (0..10).map(|at| arn("aws", &format!("{}{at}", "a".repeat(200)))).collect();
    assert!(matches!(check(&long), Err(RefusalReason::TooLarge { limit: MAX_POLICY, .. })));
    assert_eq!(check_packed(100), Ok(()));
    assert!(check_packed(101).is_err());
}

#[test]
fn networks_are_one_more_denial_that_never_gives_way() {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
    let sources = networks(&["2001:db8::7/32", "10.1.2.3/8", "10.0.0.0/8"]);
    let plain = session_policy(&grant("s3:*", &["s3:Delete*"])).unwrap();
    let bound = session_policy_within(&grant("s3:*", &["s3:Delete*"]), &sources).unwrap();
    let more = r#",{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]}}}]}"#;
    assert_eq!(bound.document, plain.document.strip_suffix("]}").unwrap().to_owned() + more);
    // Where there is no room for everything, a denial that touches nothing gives way to it.
    let far: Vec<String> =
        (0..80).map(|at| format!("sqs:*=arn:aws:sqs:eu-west-1:123456789012:q-{at}")).collect();
    let far: Vec<&str> = far.iter().map(String::as_str).collect();
    let tight = session_policy_within(&grant("s3:*", &far), &sources).unwrap();
    assert!(tight.document.ends_with(more) && !tight.left_out.is_empty());
    // They count.
    let many: Vec<String> = (0..60).map(|at| format!("2001:db8:1234:5678:9abc:def0:0:{at:x}/128")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refusal = session_policy_within(&grant("s3:GetObject", &[]), &networks(&many)).unwrap_err();
    assert!(matches!(refusal.reason, RefusalReason::TooLarge { what: "policy", .. }));
    assert!(refusal.instead.iter().any(|hint| hint.contains("larger networks")));
    let reason =
        session_policy_within(&grant("s3:GetObject", &[]), &vec![sources[0]; 65]).unwrap_err().reason;
    assert_eq!(reason, RefusalReason::TooLarge { what: "number of networks", size: 65, limit: MAX_NETWORKS });
}

proptest::proptest! {
    #[test]
    fn networks_never_widen(nets in proptest::collection::vec((proptest::prelude::any::<u32>(), 0_u8..=32), 0..8)) {
        let sources: Vec<IpNet> = nets
            .iter()
            .map(|&(address, prefix)| IpNet::new(std::net::Ipv4Addr::from(address).into(), prefix).unwrap())
            .collect();
        let grant = grant("s3:*,sqs:SendMessage=arn:aws:sqs:eu-west-1:123456789012:q", &["s3:Delete*"]);
        let statements = |document: &str| {
            let value: serde_json::Value = serde_json::from_str(document).unwrap();
            value["Statement"].as_array().unwrap().clone()
        };
        let plain = statements(&session_policy(&grant).unwrap().document);
        let bound = statements(&session_policy_within(&grant, &sources).unwrap().document);
        proptest::prop_assert_eq!(&bound[..plain.len()], &plain[..]);
        proptest::prop_assert_eq!(bound.len() - plain.len(), usize::from(!sources.is_empty()));
        for more in &bound[plain.len()..] {
            proptest::prop_assert_eq!(&more["Effect"], "Deny");
            proptest::prop_assert!(more["Condition"]["NotIpAddress"]["aws:SourceIp"].is_string() || sources.len() > 1);
        }
    }
}
