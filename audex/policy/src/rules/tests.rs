use super::*;
use crate::Request;

fn met(rules: &[&str], provider: Provider, request: &str) -> Vec<String> {
    let rules = Rules::parse(rules).unwrap();
    let request = Request::builder(provider).allow(request).accept_unknown_actions().build().unwrap();
    rules.met_by(request.set()).map(str::to_owned).collect()
}

#[test]
fn rules_are_compared_as_sets() {
    for (rule, provider, request, expected) in [
        ("s3:DeleteObject", Provider::Aws, "s3:*", true),
        ("s3:DeleteObject", Provider::Aws, "s3:Get*", false),
        ("S3:deleteobject", Provider::Aws, "s3:DeleteObject", true),
        ("*:Delete*", Provider::Aws, "s3:*Object", true),
        ("*:Delete*", Provider::Aws, "s3:Get*", false),
        ("*:Delete*", Provider::Local, "orders:Delete", true),
        ("iam:*", Provider::Aws, "*", true),
        ("s3:*=arn:aws:s3:::secret/*", Provider::Aws, "s3:GetObject=arn:aws:s3:::*/a", true),
        ("s3:*=arn:aws:s3:::secret/*", Provider::Aws, "s3:GetObject=arn:aws:s3:::logs/*", false),
        ("storage:delete", Provider::Aws, "s3:Delete*", true),
        ("storage:delete", Provider::Gcp, "storage.objects.*", true),
        ("storage:delete", Provider::Local, "storage:delete", true),
        ("storage:delete", Provider::Vault, "vault:delete", false),
        ("storage.*", Provider::Gcp, "storage.objects.get=gs://a", true),
        ("storage.objects.get=gs://a/secret/*", Provider::Gcp, "storage.objects.get=gs://a", true),
        ("Microsoft.Authorization/*", Provider::Azure, "Microsoft.Authorization/roleAssignments/write", true),
        (
            "Microsoft.A/b/read=/subscriptions/1",
            Provider::Azure,
            "Microsoft.A/b/read=/Subscriptions/1/x",
            true,
        ),
        ("vault:read=secret/+/admin", Provider::Vault, "vault:*=secret/*", true),
        ("vault:read=secret/+/admin", Provider::Vault, "vault:*=secret/a/b/*", false),
        ("orders:Delete", Provider::Local, "orders:*", true),
        ("orders:Delete=eu/*", Provider::Local, "orders:*=*/1", true),
        ("*", Provider::Gcp, "storage.objects.get", true),
    ] {
        assert_eq!(
            !met(&[rule], provider, request).is_empty(),
            expected,
            "{rule} and {request} of {provider}"
        );
    }
}

#[test]
fn a_rule_that_protects_nothing_is_a_fault() {
    for (rule, problem) in [
        ("s3:DeleteObjct", Problem::UnknownAction(Provider::Aws)),
        ("s33:DeleteObject", Problem::UnknownService(Provider::Aws)),
        ("s3:Frob*", Problem::FitsNothing(Provider::Aws)),
        ("storage.objects.delte", Problem::UnknownAction(Provider::Gcp)),
        ("s3:DeleteObject=logs/*x", Problem::NotAResource(Provider::Aws)),
        ("storage:delete=logs", Problem::NotAResource(Provider::Aws)),
        ("vault:read=/x", Problem::NotAResource(Provider::Vault)),
        ("delete", Problem::NotAnAction(Provider::Aws)),
        ("", Problem::Empty),
    ] {
        assert_eq!(Rules::parse([rule]).unwrap_err().list()[0].problem, problem, "{rule}");
    }
    assert_eq!(Rules::parse(["s3:x", "iam:y"]).unwrap_err().list().len(), 2);
    let many: Vec<String> = (0..513).map(|at| format!("s3:GetObject=arn:aws:s3:::{at}")).collect();
    assert_eq!(Rules::parse(&many).unwrap_err().list()[0].problem, Problem::TooMany(512));
}
