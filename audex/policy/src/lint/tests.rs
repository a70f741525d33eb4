use super::*;
use crate::{Request, Rules, narrow};

fn found(provider: Provider, allow: &str, denies: &[&str]) -> Vec<(Severity, Lint, String)> {
    let request = Request::builder(provider).allow(allow).accept_unknown_actions().build().unwrap();
    let grant = narrow(&request, &[], &Rules::parse(denies).unwrap()).unwrap().grant;
    lint(&grant).into_iter().map(|finding| (finding.severity, finding.lint, finding.subject)).collect()
}

#[test]
fn each_lint_finds_its_case_and_not_its_neighbour() {
    use Lint::*;
    use Severity::*;
    let aws = Provider::Aws;
    for (provider, allow, expected) in [
        (aws, "s3:GetObject", &[][..]),
        (aws, "s3:PutObject=arn:aws:s3:::a/*", &[]),
        (
            aws,
            "iam:PassRole=arn:aws:iam::1:role/*,ec2:RunInstances=arn:aws:ec2:*:1:instance/*",
            &[(Danger, Escalation, "iam:PassRole,ec2:RunInstances")],
        ),
        (aws, "iam:PassRole=arn:aws:iam::1:role/*", &[]),
        (
            aws,
            "iam:PassRole=arn:aws:iam::1:role/app,ec2:RunInstances=arn:aws:ec2:*:1:instance/*",
            &[(Warning, Escalation, "iam:PassRole,ec2:RunInstances")],
        ),
        (aws, "sts:AssumeRole=arn:aws:iam::1:role/*", &[(Danger, Escalation, "sts:AssumeRole")]),
        (
            aws,
            "iam:CreatePolicyV*=arn:aws:iam::1:policy/*",
            &[
                (Danger, Escalation, "iam:CreatePolicyVersion"),
                (Warning, PermissionsByWildcard, "iam:CreatePolicyV*=arn:aws:iam::1:policy/*"),
            ],
        ),
        (aws, "*", &[(Danger, Everything, "*"), (Warning, ChangesAnywhere, "*")]),
        (aws, "s3:PutObject", &[(Warning, ChangesAnywhere, "s3:PutObject")]),
        (aws, "s3:NewThing", &[(Warning, UnknownAction, "s3:NewThing")]),
        (
            aws,
            "s3:ListAllMyBuckets=arn:aws:s3:::a",
            &[(Warning, NoEffect, "s3:ListAllMyBuckets=arn:aws:s3:::a")],
        ),
        (aws, "s3:ListBucket=arn:aws:s3:::a/*", &[(Warning, NoEffect, "s3:ListBucket=arn:aws:s3:::a/*")]),
        (aws, "s3:ListBucket=arn:aws:s3:::a", &[]),
        (aws, "s3:GetObject=arn:aws:s3:::a", &[(Warning, NoEffect, "s3:GetObject=arn:aws:s3:::a")]),
        (aws, "dynamodb:GetItem=arn:aws:dynamodb:*:1:table/*", &[]),
        (
            Provider::Gcp,
            "iam.serviceAccounts.getAccessToken",
            &[(Danger, Escalation, "iam.serviceAccounts.getAccessToken")],
        ),
        (
            Provider::Azure,
            "Microsoft.Authorization/roleAssignments/write=/subscriptions/1",
            &[(Danger, Escalation, "Microsoft.Authorization/roleAssignments/write")],
        ),
        (
            Provider::Azure,
            "Microsoft.New/things/read=/subscriptions/1",
            &[(Note, UnknownAction, "Microsoft.New/things/read=/subscriptions/1")],
        ),
        (Provider::Vault, "vault:sudo=sys/raw/*", &[(Danger, Escalation, "vault:sudo")]),
        (Provider::Local, "orders:Read", &[]),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|(severity, lint, subject)| (*severity, *lint, (*subject).to_owned()))
            .collect();
        assert_eq!(found(provider, allow, &[]), expected, "{allow}");
    }
}

#[test]
fn denials_take_ways_away_and_make_traps() {
    let denied = found(Provider::Aws, "iam:*=arn:aws:iam::1:role/*", &["iam:PassRole", "iam:*Policy*"]);
    assert!(
        denied.iter().all(|(_, _, subject)| !subject.contains("Policy") && !subject.contains("PassRole")
            || subject.starts_with("iam:*")),
        "{denied:?}"
    );
    assert!(denied.iter().any(|(_, lint, _)| *lint == Lint::AllBut));
    assert!(found(Provider::Aws, "s3:Get*", &["sqs:*"]).is_empty());
}

#[test]
fn messages_say_what_to_do() {
    let request =
        Request::builder(Provider::Aws).allow("s3:GetObjct").accept_unknown_actions().build().unwrap();
    let findings = lint(&narrow(&request, &[], &Rules::default()).unwrap().grant);
    assert_eq!(findings[0].message, "is in no list of actions (of 2026-10-27); was s3:GetObject meant?");
    let json = serde_json::to_string(&findings[0]).unwrap();
    assert!(
        json.starts_with(r#"{"severity":"warning","lint":"unknown-action","subject":"s3:GetObjct""#),
        "{json}"
    );
}
