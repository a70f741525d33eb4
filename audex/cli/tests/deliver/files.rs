//! Delivery in a file.

use crate::stage::{Home, credential};
use audex_cli::deliver::{DeliverError, file};
use audex_core::Credential;
use audex_policy::Provider;
use axess_clock::MockClock;
use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

#[test]
fn the_file_is_ours_alone_and_goes_with_the_session() {
    let home = Home::new();
    let variables =
        file::write(&home.folder, &credential(Provider::Local, &MockClock::default(), "1")).unwrap();
    let path = variables.get("AUDEX_TOKEN_FILE").unwrap().to_owned();
    assert_eq!(fs::read_to_string(&path).unwrap(), "token-1");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    home.folder.remove().unwrap();
    assert!(fs::metadata(path).is_err());
}

#[test]
fn readers_see_the_old_credential_or_the_new() {
    let home = Home::new();
    let clock = MockClock::default();
    let marks = ["1".repeat(10_000), "2".repeat(20_000)];
    let both = marks.each_ref().map(|mark| credential(Provider::Local, &clock, mark));
    let whole: HashSet<String> = marks.iter().map(|mark| format!("token-{mark}")).collect();
    let variables = file::write(&home.folder, &both[0]).unwrap();
    let path = variables.get("AUDEX_TOKEN_FILE").unwrap().to_owned();

    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (is_over, path, whole) = (is_over.clone(), path.clone(), whole.clone());
            std::thread::spawn(move || {
                let mut seen = HashSet::new();
                while !is_over.load(Ordering::Relaxed) {
                    let content = fs::read_to_string(&path).unwrap();
                    assert!(whole.contains(&content), "{} bytes of a credential", content.len());
                    seen.insert(content.len());
                }
                seen.len()
            })
        })
        .collect();
    for at in 0..2_000 {
        file::write(&home.folder, &both[at % 2]).unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    let seen: Vec<usize> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    assert!(seen.contains(&2), "nobody saw a refresh");
    assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_no_program_reads_from_a_file_is_refused() {
    let home = Home::new();
    let token =
        Credential::new(Provider::Gcp, "id", chrono::DateTime::UNIX_EPOCH).with_part("X", "secret".into());
    let error = file::write(&home.folder, &token).unwrap_err();
    assert!(matches!(error, DeliverError::NotThisWay { provider: Provider::Gcp, way: "file" }), "{error:?}");
    assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), 0);
}
