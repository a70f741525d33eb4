use super::*;

const LISTED: [Provider; 4] = [Provider::Aws, Provider::Gcp, Provider::Azure, Provider::Vault];

#[test]
fn each_catalogue_says_where_it_is_from() {
    for provider in LISTED {
        let catalogue = Catalogue::of(provider);
        assert!(!catalogue.source().is_empty() && !catalogue.licence().is_empty(), "{provider}");
        assert!(catalogue.date() >= "2026-10-01", "{provider}");
    }
    assert_eq!(Catalogue::of(Provider::Local).services().count(), 0);
}

#[test]
fn tables_are_sorted_so_that_each_line_is_found() {
    for provider in LISTED {
        let catalogue = Catalogue::of(provider);
        let mut before = String::new();
        for line in catalogue.table.from("") {
            let key = line.key.to_ascii_lowercase();
            assert!(before < key, "{before} {key}");
            before = key;
        }
        for line in catalogue.table.from("").step_by(97) {
            assert_eq!(catalogue.get(line.key).unwrap().name(), line.key);
            ActionPattern::parse(provider, line.key).unwrap();
        }
    }
}

#[test]
fn each_resource_type_of_an_action_is_listed_and_parses() {
    let catalogue = Catalogue::of(Provider::Aws);
    let everything = ActionPattern::any(Provider::Aws);
    let mut unlisted = Vec::new();
    for action in catalogue.expand(&everything) {
        let service = action.name().split(':').next().unwrap();
        unlisted
            .extend(action.resource_types().filter(|kind| catalogue.resource_type(service, kind).is_none()));
    }
    assert_eq!(unlisted, [""; 0]);
}

#[test]
fn services_are_listed_once() {
    let services: Vec<_> = Catalogue::of(Provider::Aws).services().collect();
    assert!(services.len() > 400, "{}", services.len());
    let mut sorted = services.clone();
    sorted.dedup();
    assert_eq!(sorted, services);
    assert!(["s3", "s3-object-lambda", "ec2", "iam"].iter().all(|service| services.contains(service)));
    assert!(Catalogue::of(Provider::Gcp).services().any(|service| service == "storage"));
}

#[test]
fn wildcards_expand_to_the_actions_they_fit() {
    let count = |provider, text: &str| {
        let pattern = ActionPattern::parse(provider, text).unwrap();
        let catalogue = Catalogue::of(provider);
        let slow = catalogue.table.from("").filter(|line| pattern.matches(line.key)).count();
        assert_eq!(catalogue.expand(&pattern).count(), slow, "{text}");
        slow
    };
    assert!(count(Provider::Aws, "s3:Get*") > 50);
    assert!(count(Provider::Aws, "*:Delete*") > 1_000);
    assert_eq!(count(Provider::Aws, "s3:GetObject"), 1);
    assert_eq!(count(Provider::Aws, "s3:Nothing*"), 0);
    assert!(count(Provider::Gcp, "storage.objects.*") > 10);
    assert!(count(Provider::Azure, "Microsoft.Storage/*/read") > 10);
    assert_eq!(count(Provider::Vault, "vault:*"), 8);
}

#[test]
fn mistyped_names_are_recognised() {
    for (provider, text, expected) in [
        (Provider::Aws, "s3:GetObjct", Some("s3:GetObject")),
        (Provider::Aws, "s4:GetObject", Some("s3:GetObject")),
        (Provider::Aws, "dynamo:GetItem", Some("dynamodb:GetItem")),
        (Provider::Aws, "labda:InvokeFuntion", Some("lambda:InvokeFunction")),
        (Provider::Aws, "ec2:DescribeInstance", Some("ec2:DescribeInstances")),
        (Provider::Aws, "s3:Frobnicate", None),
        (Provider::Gcp, "storage.object.get", Some("storage.objects.get")),
        (Provider::Gcp, "storag.objects.get", Some("storage.objects.get")),
        (
            Provider::Azure,
            "Microsoft.Storage/storageAccounts/reed",
            Some("Microsoft.Storage/storageAccounts/read"),
        ),
        (Provider::Vault, "vault:reed", Some("vault:read")),
    ] {
        assert_eq!(Catalogue::of(provider).suggest(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn levels_tell_reading_from_writing() {
    for (provider, name, level) in [
        (Provider::Aws, "s3:GetObject", AccessLevel::Read),
        (Provider::Aws, "s3:ListBucket", AccessLevel::List),
        (Provider::Aws, "s3:PutObject", AccessLevel::Write),
        (Provider::Aws, "s3:PutBucketPolicy", AccessLevel::Permissions),
        (Provider::Aws, "s3:PutObjectTagging", AccessLevel::Tagging),
        (Provider::Gcp, "storage.objects.get", AccessLevel::Read),
        (Provider::Gcp, "storage.objects.list", AccessLevel::List),
        (Provider::Gcp, "storage.objects.delete", AccessLevel::Write),
        (Provider::Gcp, "storage.buckets.setIamPolicy", AccessLevel::Permissions),
        (Provider::Azure, "Microsoft.Authorization/roleAssignments/write", AccessLevel::Permissions),
        (Provider::Azure, "Microsoft.Authorization/roleAssignments/read", AccessLevel::Read),
        (Provider::Vault, "vault:sudo", AccessLevel::Permissions),
        (Provider::Vault, "vault:list", AccessLevel::List),
    ] {
        assert_eq!(Catalogue::of(provider).get(name).unwrap().level(), level, "{name}");
    }
}
