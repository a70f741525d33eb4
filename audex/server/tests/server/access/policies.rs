//! Policies of the operator's own.

use super::door::Door;
use std::{fs, path::Path, time::Duration};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");

fn copy_to(folder: &Path) {
    for entry in fs::read_dir(SHIPPED).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
}

#[tokio::test]
async fn an_edited_file_is_in_force_after_a_while_and_a_wrong_one_never() {
    let folder = tempfile::tempdir().unwrap();
    copy_to(folder.path());
    let policies = folder.path().to_owned();
    let door = Door::with(|settings| settings.policies = Some(policies)).await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    assert_eq!(bob.browser.get("/people").await.status, 403);
    assert!(door.app.access.policies_in_force().iter().any(|(name, _)| name == "roles.cedar"));

    let own = folder.path().join("own.cedar");
    fs::write(&own, "permit (principal, action, resource) when { nonsense };").unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(bob.browser.get("/people").await.status, 403);
    fs::write(&own, "@id(\"all\")\npermit (principal, action == Action::\"read\", resource);\n").unwrap();
    let mut status = 403;
    for _ in 0..240 {
        status = bob.browser.get("/people").await.status;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(status, 200);
    assert!(door.app.access.policies_in_force().iter().any(|(name, _)| name == "own.cedar"));
}

#[tokio::test]
async fn an_edit_right_after_the_start_is_taken_up_though_the_file_looks_as_old_as_before() {
    let folder = tempfile::tempdir().unwrap();
    copy_to(folder.path());
    let policies = folder.path().to_owned();
    let door = Door::with(|settings| settings.policies = Some(policies)).await;
    let file = folder.path().join("roles.cedar");
    let (text, before) = (fs::read_to_string(&file).unwrap(), fs::metadata(&file).unwrap());
    // As long as it was, and as old.
    let edited = text.replace("[Role::\"auditor\", Role::\"admin\"]", "[Role::\"avditor\", Role::\"admin\"]");
    assert!(edited != text && edited.len() == text.len());
    fs::write(&file, edited).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(before.modified().unwrap()).unwrap();
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &["auditor"]).await;
    let mut status = 200;
    for _ in 0..240 {
        status = bob.browser.get("/audit").await.status;
        if status == 403 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_server_does_not_start_with_policies_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    copy_to(folder.path());
    let own = folder.path().join("own.cedar");
    fs::write(&own, "permit (principal, action, resource);\n\npermit (principal, axion, resource);\n")
        .unwrap();
    let policies = folder.path().to_owned();
    let opened = tokio::spawn(async move { Door::with(|settings| settings.policies = Some(policies)).await });
    let fault = opened.await.err().unwrap().into_panic();
    let text = fault.downcast_ref::<String>().unwrap();
    assert!(text.contains("own.cedar"), "{text}");
    let error = audex_server::access::Access::test_policies(folder.path()).unwrap_err().to_string();
    assert!(error.contains("own.cedar:3: "), "{error}");
}
