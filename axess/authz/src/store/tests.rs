use super::*;
use crate::fixture::{POLICIES, SCHEMA};
use std::fs;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.cedarschema"), SCHEMA).unwrap();
    fs::write(folder.path().join("app.cedar"), POLICIES).unwrap();
    folder
}

#[test]
fn a_reload_takes_good_policies_and_keeps_the_old_ones_over_bad_ones() {
    let folder = folder();
    let store = AuthzStore::load_dir(folder.path()).unwrap();
    assert_eq!(store.reload().unwrap(), Reload::Unchanged);

    fs::write(folder.path().join("more.cedar"), "@id(\"x\")\npermit (principal, action, resourc);").unwrap();
    let error = store.reload().unwrap_err().to_string();
    assert!(error.contains("more.cedar:2"), "{error}");
    assert_eq!(store.current().generation, 1);
    assert!(store.current().policies.policy("x").is_none());

    fs::write(folder.path().join("more.cedar"), "@id(\"x\") permit (principal, action, resource);").unwrap();
    let before = store.current();
    assert_eq!(store.reload().unwrap(), Reload::Replaced { generation: 2 });
    assert!(store.current().policies.policy("x").is_some());
    assert!(before.policies.policy("x").is_none(), "what began before ends with the old ones");
}

#[test]
fn start_up_refuses_a_bad_file() {
    let folder = folder();
    fs::write(
        folder.path().join("bad.cedar"),
        "@id(\"x\")\npermit (principal, action, resource) when { resource.nope };",
    )
    .unwrap();
    let error = AuthzStore::load_dir(folder.path()).unwrap_err().to_string();
    assert!(error.contains("bad.cedar:2: policy \"x\""), "{error}");
}

#[test]
fn layers_are_watched_together() {
    let (base, overlay) = (folder(), tempfile::tempdir().unwrap());
    let file = overlay.path().join("overlay.cedar");
    fs::write(&file, "@id(\"over\") forbid (principal, action, resource);").unwrap();
    let paths = [base.path().to_owned(), overlay.path().to_owned()];
    let store = Arc::new(AuthzStore::load_dirs(paths).unwrap());
    let mut watcher = PolicyWatcher::new(store.clone());
    assert!(matches!(watcher.poll(), WatchOutcome::Unchanged));
    fs::write(&file, "@id(\"owners\") permit (principal, action, resource);").unwrap();
    assert!(matches!(watcher.poll(), WatchOutcome::Settling));
    assert!(matches!(watcher.poll(), WatchOutcome::Refused(_)), "the id of a lower layer");
    assert!(store.current().policies.policy("over").is_some());
}

#[test]
fn the_watcher_waits_for_a_file_to_settle_and_reports_a_fault_once() {
    let folder = folder();
    let file = folder.path().join("app.cedar");
    let store = Arc::new(AuthzStore::load_dir(folder.path()).unwrap());
    let mut watcher = PolicyWatcher::new(store.clone());
    // The first half of the file is legal and lacks its forbids.
    let half = POLICIES.split("@id(\"delete-needs-key\")").next().unwrap();
    fs::write(&file, half).unwrap();
    assert!(matches!(watcher.poll(), WatchOutcome::Settling));
    fs::write(&file, POLICIES).unwrap();
    assert!(matches!(watcher.poll(), WatchOutcome::Unchanged));
    assert_eq!(store.current().generation, 1);

    fs::write(&file, "permit (").unwrap();
    assert!(matches!(watcher.poll(), WatchOutcome::Settling));
    assert!(matches!(watcher.poll(), WatchOutcome::Refused(PolicyLoadError::Faults(_))));
    assert!(matches!(watcher.poll(), WatchOutcome::Unchanged));
    fs::write(&file, half).unwrap();
    assert!(matches!(watcher.poll(), WatchOutcome::Settling));
    assert!(matches!(watcher.poll(), WatchOutcome::Replaced { generation: 2 }));
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(matches!(watcher.poll(), WatchOutcome::Refused(PolicyLoadError::Bundle(_))));
    assert_eq!(store.current().generation, 2);
}

#[test]
fn readers_never_see_half_a_swap() {
    let store = Arc::new(AuthzStore::new(PolicyStore::base().unwrap()));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while last < 50 {
                let generation = store.current().generation;
                assert!(generation >= last);
                last = generation;
            }
        });
        while store.replace(PolicyStore::base().unwrap()) < 50 {}
        reader.join().unwrap();
    });
}
