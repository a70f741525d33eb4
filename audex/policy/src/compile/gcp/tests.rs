use serde_json::Value;

use super::*;
use crate::{Request, Rules, narrow};

fn compiled(allow: &str, denies: &[&str], roles: &[Role]) -> Result<Vec<Value>, Refusal> {
    let request = Request::parse(Provider::Gcp, allow, &[]).unwrap();
    let grant = narrow(&request, &[], &Rules::parse(denies).unwrap()).unwrap().grant;
    let json = serde_json::to_value(boundary(&grant, roles)?).unwrap();
    Ok(json["accessBoundary"]["accessBoundaryRules"].as_array().unwrap().clone())
}

/// Writes a rule as `bucket roles condition`.
fn short(rule: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let roles: Vec<String> = rule["availablePermissions"].as_array().unwrap().iter().map(text).collect();
    let bucket = text(&rule["availableResource"]);
    let bucket = bucket.rsplit('/').next().unwrap();
    let condition = text(&rule["availabilityCondition"]["expression"]);
    format!("{bucket} {} {condition}", roles.join(" ").replace("inRole:roles/storage.", ""))
}

const LIST: &str = "api.getAttribute('storage.googleapis.com/objectListPrefix', '')";

#[test]
fn roles_hold_exactly_what_was_asked_for() {
    let viewer = "storage.folders.get,storage.folders.list,storage.managedFolders.get,\
                  storage.managedFolders.list,storage.objects.get,storage.objects.list";
    let on = |resource: &str| {
        viewer.split(',').map(|name| format!("{name}={resource}")).collect::<Vec<_>>().join(",")
    };
    let both =
        format!("resource.name.startsWith('projects/_/buckets/b/objects/x/') || {LIST}.startsWith('x/')");
    for (allow, expected) in [
        ("storage:read=gs://b".to_owned(), vec!["b legacyObjectReader -".to_owned()]),
        ("storage:list=gs://b".to_owned(), vec!["b legacyBucketReader -".to_owned()]),
        ("storage:write=gs://b".to_owned(), vec!["b objectCreator -".to_owned()]),
        (on("gs://b"), vec!["b objectViewer -".to_owned()]),
        (on("gs://b/x/*"), vec![format!("b objectViewer {both}")]),
        (
            "storage:read=gs://b,storage:list=gs://b".to_owned(),
            vec!["b legacyBucketReader legacyObjectReader -".to_owned()],
        ),
        (
            "storage:read=gs://b/it's".to_owned(),
            vec![r"b legacyObjectReader resource.name == 'projects/_/buckets/b/objects/it\'s'".to_owned()],
        ),
        (
            "storage:read=gs://b/x*,storage:read=gs://b/y*,storage:read=gs://c".to_owned(),
            vec![
                "b legacyObjectReader resource.name.startsWith('projects/_/buckets/b/objects/x') || \
             resource.name.startsWith('projects/_/buckets/b/objects/y')"
                    .to_owned(),
                "c legacyObjectReader -".to_owned(),
            ],
        ),
    ] {
        let found: Vec<String> = compiled(&allow, &[], &[]).unwrap().iter().map(short).collect();
        assert_eq!(found, expected, "{allow}");
    }
}

#[test]
fn what_no_boundary_can_say_is_refused_with_what_would_work() {
    let ten: Vec<String> = (0..11).map(|at| format!("storage:read=gs://b{at}")).collect();
    for (allow, denies, why, instead) in [
        ("compute.instances.get=gs://b", &[][..], "Cloud Storage alone", "service account"),
        ("*=gs://b", &[], "Cloud Storage alone", "service account"),
        ("storage:read", &[], "bucket by name", "gs://logs"),
        ("storage:read=gs://b*", &[], "bucket by name", "gs://logs"),
        ("storage:delete=gs://b", &[], "no role holds `storage.objects.delete`", "ask also for"),
        ("storage.objects.list=gs://b", &[], "no role holds", "roles/storage.legacyBucketReader fits"),
        ("storage:list=gs://b/*", &[], "an action on the bucket", "gs://b"),
        ("storage:read=gs://b", &["storage:read=gs://b/secret/*"], "is denied", "leave out"),
        (&ten.join(","), &[], "number of rules is 11", "fewer buckets"),
    ] {
        let refusal = compiled(allow, denies, &[]).unwrap_err();
        assert!(refusal.to_string().contains(why), "{allow}: {refusal}");
        assert!(refusal.instead.iter().any(|hint| hint.contains(instead)), "{allow}: {refusal:?}");
    }
    assert_eq!(compiled(&ten[..10].join(","), &[], &[]).unwrap().len(), 10);
}

#[test]
fn custom_roles_fill_the_gaps() {
    let role = |name: &str, permissions: &[&str]| Role {
        name: name.to_owned(),
        permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
    };
    let deleter =
        role("projects/p/roles/deleter", &["storage.objects.delete", "resourcemanager.projects.get"]);
    let rules = compiled("storage:delete=gs://b,storage:read=gs://b", &[], &[deleter]).unwrap();
    assert_eq!(short(&rules[0]), "b inRole:projects/p/roles/deleter legacyObjectReader -");
    let wide = role("projects/p/roles/wide", &["storage.objects.delete", "storage.objects.update"]);
    assert!(compiled("storage:delete=gs://b", &[], &[wide]).is_err());
}

#[test]
fn the_listed_permissions_of_roles_exist() {
    let catalogue = Catalogue::of(Provider::Gcp);
    for (role, permissions) in known_roles(&[]) {
        for name in permissions {
            assert!(catalogue.get(&name).is_some(), "{role}: {name}");
        }
    }
}

#[test]
fn a_mapped_service_account_may_not_hold_more() {
    let request = Request::parse(Provider::Gcp, "compute.instances.*,compute.disks.get", &[]).unwrap();
    let grant = narrow(&request, &[], &Rules::parse(["compute.instances.delete"]).unwrap()).unwrap().grant;
    let fits = |held: &str| {
        let held = Request::parse(Provider::Gcp, held, &[]).unwrap();
        crate::compile::check_identity(&grant, held.set()).is_ok()
    };
    assert!(fits("compute.instances.get,compute.disks.get"));
    assert!(!fits("compute.instances.*"), "a part is denied");
    assert!(!fits("compute.disks.list"));
}
