use super::*;
use crate::{Provider, Request, Rules, narrow};

fn grant(allow: &str, denies: &[&str]) -> Grant {
    let request = Request::builder(Provider::Aws).allow(allow).accept_unknown_actions().build().unwrap();
    narrow(&request, &[], &Rules::parse(denies).unwrap()).unwrap().grant
}

#[test]
fn differences_are_sets() {
    for (old, new, expected) in [
        (("s3:GetObject", &[][..]), ("s3:GetObject", &[][..]), ""),
        (("s3:GetObject", &[]), ("s3:PutObject", &[]), "+ s3:PutObject\n- s3:GetObject\n"),
        (("s3:*", &[]), ("s3:*,s3:GetObject=arn:aws:s3:::a/*", &[]), ""),
        (("s3:Get*,s3:Put*", &[]), ("s3:Put*,s3:Get*", &[]), ""),
        (("sqs:*Queue", &[]), ("sqs:*eQueue", &[]), "- sqs:TagQueue\n- sqs:UntagQueue\n"),
        // Every action of today, but not those of tomorrow.
        (("sqs:CreateQueue,sqs:DeleteQueue,sqs:PurgeQueue", &[]), ("sqs:*eQueue", &[]), "+ sqs:*eQueue\n"),
        (("sqs:*", &["sqs:D*"]), ("sqs:*", &[]), "+ sqs:D*\n"),
        (("sqs:*", &[]), ("sqs:*", &["sqs:D*"]), "- sqs:D*\n"),
        (("sqs:*", &["iam:*"]), ("sqs:*", &[]), ""),
        (
            ("s3:GetObject=arn:aws:s3:::a/*", &[]),
            ("s3:GetObject=arn:aws:s3:::a/b/*", &[]),
            "- s3:GetObject=arn:aws:s3:::a/*\n",
        ),
        (
            ("s3:GetObject=arn:aws:s3:::a*,s3:GetObject=arn:aws:s3:::b*", &[]),
            ("s3:GetObject=arn:aws:s3:::a*", &[]),
            "- s3:GetObject=arn:aws:s3:::b*\n",
        ),
    ] {
        let diff = GrantDiff::between(&grant(old.0, old.1), &grant(new.0, new.1));
        assert_eq!(diff.to_string(), expected, "{old:?} {new:?}");
        assert_eq!(diff.is_empty(), expected.is_empty());
        let turned = GrantDiff::between(&grant(new.0, new.1), &grant(old.0, old.1));
        assert_eq!((turned.added, turned.removed), (diff.removed, diff.added));
    }
}
