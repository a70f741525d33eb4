use crate::{
    home::Home,
    records::{ids, record, write},
};
use std::{fs, os::unix::fs::PermissionsExt, process::Command};

#[test]
fn only_old_records_that_are_over_go() {
    let home = Home::new();
    let all = ids(4);
    for (id, (status, days)) in
        all.iter().zip([("Completed", 40), ("Completed", 3), ("Active", 40), ("Failed", 40)])
    {
        write(&home, *id, &record(*id, status, days));
    }
    // Its credential works on at the provider.
    let mut alive = record(all[3], "Failed", 40);
    alive["credentials"][0]["expires_at"] = "2999-01-01T00:00:00Z".into();
    write(&home, all[3], &alive);
    let (code, told) = home.json(&["clean", "--dry-run"]);
    assert_eq!((code, told["records"].as_array().unwrap().len()), (0, 1), "{told}");
    assert_eq!(home.json(&["sessions", "--all"]).1["sessions"].as_array().unwrap().len(), 4);
    let (_, told) = home.json(&["clean"]);
    assert_eq!(told["records"][0], all[0].to_string());
    let left = home.json(&["sessions", "--all"]).1;
    assert_eq!(left["sessions"].as_array().unwrap().len(), 3);
    let (_, told) = home.json(&["clean", "--older-than", "1d"]);
    assert_eq!(told["records"][0], all[1].to_string());
}

#[test]
fn what_cannot_be_read_goes_only_when_asked() {
    let home = Home::new();
    let id = ids(1)[0];
    write(&home, id, &"nonsense".into());
    let path = home.data().join(format!("sessions/{id}.json"));
    assert!(Command::new("touch").args(["-d", "60 days ago"]).arg(&path).status().unwrap().success());
    let told = home.run(&["clean"]);
    assert!(told.err.contains("--unreadable") && path.exists(), "{told:?}");
    assert_eq!(home.run(&["clean", "--unreadable"]).code, 0);
    assert!(!path.exists());
}

#[test]
fn private_folders_of_sessions_that_are_gone_go() {
    let home = Home::new();
    home.session();
    let folder = home.data().join("run").join(ids(1)[0].to_string());
    fs::create_dir_all(folder.join("deep")).unwrap();
    fs::write(folder.join("deep/token"), "secret").unwrap();
    fs::set_permissions(home.data().join("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let (_, told) = home.json(&["clean", "--dry-run"]);
    assert_eq!(told["folders"].as_array().unwrap().len(), 1, "{told}");
    assert!(folder.exists());
    assert_eq!(home.run(&["clean"]).code, 0);
    assert!(!folder.exists());
}

#[test]
fn a_session_that_runs_is_left_alone() {
    let home = Home::new();
    let mut running =
        home.command(&["run", "--provider", "local", "-a", "a:B", "--deliver", "file", "--", "sleep", "600"]);
    let mut child = running.spawn().unwrap();
    let is_active =
        || home.json(&["sessions", "--status", "Active"]).1["sessions"].as_array().unwrap().len() == 1;
    assert!((0..1_200).any(|_| is_active() || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        false
    }));
    let (_, told) = home.json(&["clean", "--older-than", "0s"]);
    assert!(
        told["ended"].as_array().unwrap().is_empty() && told["folders"].as_array().unwrap().is_empty(),
        "{told}"
    );
    assert_eq!(home.run(&["health"]).code, 0);
    assert!(is_active());
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    child.wait().unwrap();
}

#[test]
fn health_finds_folders_that_others_can_write() {
    let home = Home::new();
    home.session();
    assert_eq!(home.run(&["health", "--online"]).code, 0);
    fs::set_permissions(home.data().join("sessions"), fs::Permissions::from_mode(0o777)).unwrap();
    let told = home.run(&["health"]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("chmod 700"), "{told:?}");
    home.configure("nonsense = 1\n");
    let (code, told) = home.json(&["health"]);
    let wrong = told["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "wrong").count();
    assert_eq!((code, wrong), (1, 2), "{told}");
}
