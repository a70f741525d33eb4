use crate::{
    person::{OFFICE, Person},
    site::{Policies, Site},
};

const EDITORS: &str = "permit (principal in Role::\"editor\", action == Action::\"edit\", resource)";

#[tokio::test]
async fn a_hangup_brings_new_policies_to_the_next_request() {
    let mut site = Site::start();
    let vic = Person::log_in(&site, "vic", OFFICE).await;
    assert_eq!(vic.edit("budget").await, 403);
    site.policies().replace("roles.cedar", EDITORS, &EDITORS.replace("editor", "viewer"));
    site.hang_up();
    site.logged("new policies are in force");
    assert_eq!(vic.edit("budget").await, 204);
}

#[tokio::test]
async fn changed_files_are_noticed_without_one() {
    let mut site = Site::start();
    let vic = Person::log_in(&site, "vic", OFFICE).await;
    assert_eq!(vic.edit("budget").await, 403);
    site.policies().replace("roles.cedar", EDITORS, &EDITORS.replace("editor", "viewer"));
    site.logged("new policies are in force");
    assert_eq!(vic.edit("budget").await, 204);
}

#[tokio::test]
async fn wrong_policies_change_nothing_and_are_named() {
    let mut site = Site::start();
    let ed = Person::log_in(&site, "ed", OFFICE).await;
    site.policies().replace(
        "roles.cedar",
        "resource.classification != \"secret\" };\n\n@id(\"editors-edit\")",
        "resource.colour == \"red\" };\n\n@id(\"editors-edit\")",
    );
    site.hang_up();
    let line = site.logged("the old policies stay in force");
    assert!(line.contains("ERROR"), "{line}");
    site.logged("roles.cedar:5: policy \"viewers-read\": ");
    assert_eq!((ed.read("budget").await, ed.edit("budget").await), (200, 204));
    assert_eq!(site.lines("new policies are in force").len(), 0);
}

#[test]
fn wrong_policies_are_no_start() {
    let policies = Policies::copied();
    policies.replace("circumstances.cedar", "context.device.trusted", "context.device.trustworthy");
    let output = policies.refused();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors.contains("circumstances.cedar:11: policy \"secrets-change-on-trusted-devices\": "),
        "{errors}"
    );
    assert!(!errors.contains("listening"), "{errors}");
}
