//! Taking a person out of what a sink refused.

use crate::{
    erasure::{MAIL, MINE, Trail, events, request},
    fixture::{tenant, user},
    piped::{Door, pipe_on, until},
};
use axess_audit::pipe::DeadLetter;
use std::{fs, path::Path, sync::atomic::Ordering, time::Duration};

fn letters(file: &Path) -> Vec<DeadLetter> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assert_gone(text: &str, but: &str) {
    let foreign = tenant(2).to_string();
    for line in text.lines().filter(|line| !line.contains(&foreign)) {
        assert!(!line.contains(&user(1).to_string()), "{but}: {line}");
        assert!(!line.to_lowercase().contains(&MAIL.to_lowercase()), "{but}: {line}");
    }
}

#[tokio::test]
async fn dead_letters_lose_the_person_while_the_pipe_runs_and_after() {
    let trail = Trail::new().await;
    let dead = trail.log.path().join("dead");
    let (file, left) = (dead.join("siem.jsonl"), dead.join("siem.jsonl.left"));
    let siem = Door::refusing("siem");
    let pipe = pipe_on(&trail.log, &trail.place.clock, [siem.clone()]).await;
    until(|| letters(&file).iter().filter(|letter| letter.notice.is_some()).count() >= 9).await;
    until(|| pipe.stats().sinks[0].depth == 0).await;
    let before = letters(&file);
    assert!(fs::read_to_string(&file).unwrap().contains(&user(1).to_string()));

    // What a redelivery left that was cut off may be one that is under way.
    fs::write(&left, "").unwrap();
    let report = trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    assert_eq!((report.dead_letters, report.conflicts, report.unreadable), (6, 1, 0));
    assert_gone(&fs::read_to_string(&file).unwrap(), "after the erasure");
    until(|| pipe.stats().sinks[0].depth == 0).await;
    let mut ids: Vec<_> = letters(&file).iter().map(|letter| letter.event_id).collect();
    ids.sort_unstable();
    assert!(before.iter().all(|letter| ids.binary_search(&letter.event_id).is_ok()));
    ids.dedup();
    assert_eq!(ids.len(), letters(&file).len());
    assert!(trail.verify().is_whole());

    // The letters are those of the log now, and go the way of all others.
    siem.refuses.store(false, Ordering::Relaxed);
    let count = u64::try_from(letters(&file).len()).unwrap();
    let done = pipe.redeliver_dead("siem").await.unwrap();
    assert_eq!((done.delivered, done.left), (count, 0));
    let taken = siem.taken.lock().unwrap().clone();
    assert!(taken.len() >= 9);
    for record in taken {
        assert_gone(std::str::from_utf8(record.body()).unwrap(), "delivered again");
    }

    // Without a pipe that delivers, what is left of a redelivery can go.
    pipe.shutdown(Duration::from_secs(20)).await.unwrap();
    drop(pipe);
    trail.add(&events(100)).await;
    fs::write(&left, user(1).to_string()).unwrap();
    fs::write(&file, "").unwrap();
    let again = trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    assert_eq!((again.log, again.dead_letters, again.conflicts), (6, 0, 0));
    assert!(!left.exists());
}
