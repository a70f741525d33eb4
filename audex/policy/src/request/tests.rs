use proptest::prelude::*;

use super::*;

fn text(provider: Provider, allow: &str, resources: &[&str]) -> String {
    Request::parse(provider, allow, resources).unwrap().to_string()
}

fn faults(provider: Provider, allow: &str) -> Vec<(usize, Problem, Option<String>)> {
    let faults = Request::parse(provider, allow, &[]).unwrap_err();
    faults.list().iter().map(|fault| (fault.place.start, fault.problem, fault.hint.clone())).collect()
}

#[test]
fn lists_become_sets() {
    for (provider, allow, resources, expected) in [
        (Provider::Aws, "s3:GetObject,s3:ListBucket", &[][..], "s3:GetObject,s3:ListBucket"),
        (Provider::Aws, " s3:listbucket ,\n s3:getobject,", &[], "s3:GetObject,s3:ListBucket"),
        (Provider::Aws, "s3:GetObject,S3:GETOBJECT,s3:Get*", &[], "s3:Get*"),
        (Provider::Aws, "*:*", &[], "*"),
        (Provider::Aws, "**:***", &[], "*"),
        (
            Provider::Aws,
            "s3:GetObject=arn:aws:s3:::a/*,s3:PutObject",
            &["arn:aws:s3:::b/*", "arn:aws:s3:::c/*"],
            "s3:GetObject=arn:aws:s3:::a/*,s3:PutObject=arn:aws:s3:::b/*,s3:PutObject=arn:aws:s3:::c/*",
        ),
        (Provider::Aws, "s3:GetObject=*", &["arn:aws:s3:::b/*"], "s3:GetObject"),
        (
            Provider::Aws,
            "s3:GetObject=arn:aws:s3:::a\\,b\\\\c/*",
            &[],
            "s3:GetObject=arn:aws:s3:::a\\,b\\\\c/*",
        ),
        (Provider::Aws, "storage:delete, queue:delete", &[], "s3:DeleteObject,sqs:DeleteMessage"),
        (
            Provider::Gcp,
            "storage.objects.get=gs://logs/2026/*",
            &[],
            "storage.objects.get=//storage.googleapis.com/projects/_/buckets/logs/objects/2026/*",
        ),
        (
            Provider::Azure,
            "microsoft.compute/virtualmachines/read=/subscriptions/1/",
            &[],
            "Microsoft.Compute/virtualMachines/read=/subscriptions/1",
        ),
        (Provider::Vault, "vault:Read=secret/+/app/*", &[], "vault:read=secret/+/app/*"),
        (Provider::Local, "orders:Read,storage:read", &["eu/*"], "orders:Read=eu/*,storage:read=eu/*"),
    ] {
        assert_eq!(text(provider, allow, resources), expected, "{allow}");
    }
}

#[test]
fn each_fault_says_where_and_what_instead() {
    let hint = |text: &str| Some(text.to_owned());
    assert_eq!(
        faults(Provider::Aws, "s3:GetObjct, s4:ListBucket,ec2:*,s3"),
        [
            (0, Problem::UnknownAction(Provider::Aws), hint("did you mean s3:GetObject?")),
            (13, Problem::UnknownService(Provider::Aws), hint("did you mean s3:ListBucket?")),
            (33, Problem::NotAnAction(Provider::Aws), hint("write service:Action, as in s3:GetObject")),
        ]
    );
    for (provider, allow, problem) in [
        (Provider::Aws, "", Problem::Empty),
        (Provider::Aws, ",,\n", Problem::Empty),
        (Provider::Aws, "s3:Frob*", Problem::FitsNothing(Provider::Aws)),
        (Provider::Aws, "storage.objects.get", Problem::OtherProvider(Provider::Gcp)),
        (Provider::Aws, "Microsoft.Storage/storageAccounts/read", Problem::OtherProvider(Provider::Azure)),
        (Provider::Gcp, "s3:GetObject", Problem::OtherProvider(Provider::Aws)),
        (Provider::Azure, "queue:delete", Problem::NoSuchVerb(Provider::Azure)),
        (Provider::Vault, "storage:read", Problem::NoSuchVerb(Provider::Vault)),
        (Provider::Vault, "vault:write", Problem::NotAnAction(Provider::Vault)),
        (Provider::Aws, "s3:Get Object", Problem::BadCharacter(' ')),
        (Provider::Local, "orders:Read=\u{202e}abc", Problem::BadCharacter('\u{202e}')),
        (Provider::Local, "orders:Read=a\u{200b}bc", Problem::BadCharacter('\u{200b}')),
        (Provider::Aws, "s3:GetObject s3:PutObject", Problem::BadCharacter(' ')),
        (Provider::Aws, "s3:*?*?*?*?*?*?*?*?*?", Problem::TooManyWildcards(12)),
        (Provider::Aws, "s3:GetObject=logs", Problem::NotAResource(Provider::Aws)),
        (Provider::Aws, "s3:GetObject=arn:aws:s3:::", Problem::NotAResource(Provider::Aws)),
        (Provider::Aws, "s3:GetObject=arn:*", Problem::NotAResource(Provider::Aws)),
        (Provider::Aws, "s3:GetObject=arn:aws:s3:::${aws:username}/*", Problem::Variable),
        (Provider::Aws, "s3:GetObject=", Problem::Empty),
        (Provider::Gcp, "storage.objects.get=gs://a/*/b", Problem::NotAResource(Provider::Gcp)),
        (Provider::Gcp, "storage.objects.get=logs", Problem::NotAResource(Provider::Gcp)),
        (Provider::Azure, "Microsoft.A/b/read=/subscriptions/*", Problem::NotAResource(Provider::Azure)),
        (Provider::Vault, "vault:read=secret/*/a", Problem::NotAResource(Provider::Vault)),
        (Provider::Vault, "vault:read=secret/a+", Problem::NotAResource(Provider::Vault)),
        (Provider::Vault, "vault:read=a\"b", Problem::NotAResource(Provider::Vault)),
    ] {
        let found = faults(provider, allow);
        assert_eq!(found.len(), 1, "{allow}: {found:?}");
        assert_eq!(found[0].1, problem, "{allow}");
    }
    assert_eq!(faults(Provider::Aws, "storge:read")[0].2, hint("did you mean storage:read?"));
    assert!(Request::parse(Provider::Aws, "s3:GetObject", &["nonsense"]).is_err());
}

#[test]
fn everything_has_a_limit() {
    let long = "s3:GetObject,".repeat(257);
    assert_eq!(faults(Provider::Aws, &long)[0].1, Problem::TooMany(256));
    assert_eq!(faults(Provider::Aws, &"a".repeat(40_000))[0].1, Problem::TooLong(16 * 1_024));
    assert_eq!(faults(Provider::Aws, &format!("s3:{}", "a".repeat(200)))[0].1, Problem::TooLong(160));
    let resource = format!("arn:aws:s3:::{}", "a".repeat(1_300));
    assert_eq!(faults(Provider::Aws, &format!("s3:GetObject={resource}"))[0].1, Problem::TooLong(1_200));
    let wide = (0..30).map(|at| format!("arn:aws:s3:::{}{at}", "a".repeat(100))).collect::<Vec<_>>();
    let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
    let faults =
        Request::parse(Provider::Aws, "s3:GetObject,s3:PutObject,s3:DeleteObject,s3:ListBucket,sqs:*", &wide);
    assert_eq!(faults.unwrap_err().list()[0].problem, Problem::TooLong(16 * 1_024));
    let resources = vec!["*"; 33];
    assert!(Request::parse(Provider::Aws, "s3:GetObject", &resources).is_err());
}

#[test]
fn verbs_mean_actions_there_are() {
    for provider in [Provider::Aws, Provider::Gcp, Provider::Azure, Provider::Vault] {
        let catalogue = Catalogue::of(provider);
        for (verb, actions) in universal_verbs(provider) {
            for name in actions {
                assert_eq!(catalogue.get(name).map(|known| known.name()), Some(name), "{verb}");
            }
            let action = ActionPattern::parse(Provider::Aws, verb).unwrap();
            assert!(
                Catalogue::of(Provider::Aws).expand(&action).next().is_none(),
                "{verb} is also an action"
            );
        }
    }
    assert_eq!(verbs::suggest("sercets:read"), Some("secrets:read"));
}

fn any_provider() -> impl Strategy<Value = Provider> {
    proptest::sample::select(Provider::ALL.to_vec())
}

proptest! {
    #[test]
    fn no_text_panics(provider in any_provider(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Request::parse(provider, &text, &[&text]);
        let _ = crate::Rules::parse([&text]);
        let _ = serde_json::from_str::<crate::Grant>(&text);
    }

    #[test]
    fn no_likely_text_panics(
        provider in any_provider(),
        text in "(s3|storage|vault|\\*|Microsoft\\.A)[:./](Get|read|\\*|objects)[*?=,\\\\]{0,3}(arn:aws:s3:::a|gs://b/c|/x|\\+/)[*?+,é]{0,3}",
    ) {
        if let Ok(request) = Request::parse(provider, &text, &[]) {
            let again = Request::builder(provider).allow(&request.to_string()).accept_unknown_actions().build();
            prop_assert_eq!(again.unwrap(), request);
        }
    }

    #[test]
    fn what_is_printed_is_read_again(
        names in proptest::collection::vec("[a-z]{1,6}:[A-Z][a-zA-Z*?]{1,8}", 1..6),
        resources in proptest::collection::vec("arn:aws:[a-z*]{1,3}:[a-z?]{0,2}::[a-z,\\\\=/*?: ]{0,8}[a-z]", 1..4),
    ) {
        let mut builder = Request::builder(Provider::Aws).accept_unknown_actions();
        for name in &names {
            builder = builder.allow(name);
        }
        for resource in &resources {
            builder = builder.resource(resource);
        }
        let request = builder.build().unwrap();
        let again = Request::builder(Provider::Aws).allow(&request.to_string()).accept_unknown_actions().build();
        prop_assert_eq!(again.unwrap(), request);
    }
}
