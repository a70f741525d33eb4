use crate::home::Home;

#[test]
fn a_request_is_explained_with_what_the_rules_cut() {
    let home = Home::new();
    home.configure("provider = \"aws\"\n[policy]\ndeny = [\"iam:*\"]\nboundary = [\"s3:*\", \"iam:*\"]\n");
    let told = home.run(&["policy", "explain", "-a", "s3:GetObject,iam:GetRole,sqs:SendMessage"]);
    assert_eq!(told.code, 0, "{told:?}");
    for part in [
        "May read (s3:GetObject)",
        "iam:GetRole: denied by iam:*",
        "sqs:SendMessage: outside policy.boundary",
        "\"2012-10-17\"",
    ] {
        assert!(told.out.contains(part), "{part}: {told:?}");
    }
    let (code, told) = home.json(&["policy", "explain", "-a", "sqs:SendMessage"]);
    assert_eq!((code, told["refusal"]["reason"].as_str()), (80, Some("nothing is left to grant")));
}

#[test]
fn each_provider_is_explained_offline() {
    let home = Home::new();
    for (provider, allow, part) in [
        ("aws", "storage:read", "Session policy:"),
        ("gcp", "storage:read=gs://logs/2026/*", "Credential access boundary:"),
        ("azure", "storage:read=/subscriptions/1", "https://storage.azure.com/.default"),
        ("vault", "vault:read=secret/data/app/*", "path \"secret/data/app/*\""),
        ("local", "orders:Read=eu/*", "authorization_details"),
    ] {
        let told = home.run(&["policy", "explain", "--provider", provider, "--allow", allow]);
        assert!(told.code == 0 && told.out.contains(part), "{provider}: {told:?}");
    }
}

#[test]
fn every_fault_of_a_request_is_told() {
    let home = Home::new();
    let told = home.run(&[
        "policy",
        "explain",
        "--provider",
        "aws",
        "-a",
        "s3:GetObjct, s4:ListBucket",
        "-r",
        "\u{1b}[2J",
    ]);
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("did you mean s3:GetObject?") && told.err.contains("s4:ListBucket"),
        "{told:?}"
    );
    assert!(!told.err.contains('\u{1b}'), "{told:?}");
    assert_eq!(home.run(&["policy", "explain"]).code, 2);
    assert_eq!(home.run(&["policy", "explain", "--profile", "nobody"]).code, 2);
}

#[test]
fn lint_is_strict_when_asked() {
    let home = Home::new();
    let dangerous = ["policy", "lint", "--provider", "aws", "-a", "iam:PassRole,ec2:RunInstances"];
    assert_eq!(home.run(&dangerous).code, 0);
    assert_eq!(home.run(&[&dangerous[..], &["--strict"]].concat()).code, 1);
    let (_, told) = home.json(&dangerous);
    assert_eq!(told["findings"][0]["lint"], "escalation");
    let harmless =
        ["policy", "lint", "--provider", "aws", "-a", "s3:GetObject=arn:aws:s3:::logs/*", "--strict"];
    assert_eq!(home.run(&harmless).code, 0);
}

#[test]
fn two_requests_are_compared_as_sets() {
    let home = Home::new();
    let told = home.run(&[
        "policy",
        "diff",
        "--provider",
        "aws",
        "-a",
        "sqs:SendMessage,s3:GetObject",
        "--to-allow",
        "s3:GetObject,s3:PutObject",
    ]);
    assert_eq!((told.code, told.out.as_str()), (0, "+ s3:PutObject\n- sqs:SendMessage\n"));
    let same = home.run(&[
        "policy",
        "diff",
        "--provider",
        "aws",
        "-a",
        "s3:GetObject,s3:Get*",
        "--to-allow",
        "s3:Get*",
    ]);
    assert_eq!((same.out.as_str(), same.err.as_str()), ("", "both are granted the same\n"));
}

#[test]
fn expectations_hold_or_are_named() {
    let home = Home::new();
    let test = ["policy", "test", "--provider", "aws", "-a", "s3:GetObject=arn:aws:s3:::logs/*", "-"];
    let held = home.told(
        &test,
        "# reads\nallow s3:GetObject arn:aws:s3:::logs/a\ndeny s3:GetObject arn:aws:s3:::other/a\n",
    );
    assert_eq!((held.code, held.err.as_str()), (0, "2 of 2 hold\n"));
    let broken = home.told(&test, "allow s3:PutObject arn:aws:s3:::logs/a\n");
    assert_eq!(broken.code, 1);
    assert!(broken.out.contains("line 1: s3:PutObject on arn:aws:s3:::logs/a is denied"), "{broken:?}");
    for unreadable in ["", "allow s3:GetObject\n", "perhaps a b\n"] {
        assert_eq!(home.told(&test, unreadable).code, 2, "{unreadable:?}");
    }
    assert_eq!(home.run(&[&test[..test.len() - 1], &["nowhere"]].concat()).code, 2);
}

#[test]
fn an_estimate_says_what_is_not_known() {
    let home = Home::new();
    home.configure("[aws]\nrole_arn = \"arn:aws:iam::123456789012:role/dev\"\n[approvals]\nenabled = true\napprover_roles = [\"security\"]\nsensitive_actions = [\"s3:Put*\"]\n");
    let (code, told) = home.json(&["estimate", "-a", "s3:PutObject", "--ttl", "5m", "--budget", "1"]);
    assert_eq!(code, 0);
    assert_eq!(
        (told["ttl_seconds"].as_u64(), told["provider_lifetime_seconds"].as_u64()),
        (Some(300), Some(900))
    );
    assert_eq!(told["approval"]["rules"][0], "s3:Put*");
    assert!(told["unknown"].as_array().unwrap().len() >= 4);
    assert!(home.run(&["estimate", "-a", "s3:PutObject"]).out.contains("What is not known:"));
    assert_eq!(home.run(&["estimate", "-a", "s3:PutObject", "--ttl", "2h"]).code, 80);
    assert_eq!(home.run(&["estimate", "-a", "s3:PutObject", "--ttl", "2"]).code, 2);
}
