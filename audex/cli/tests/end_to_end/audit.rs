//! A log of 100 000 lines: as fast to write to as an empty one, and verified to its last byte.

use crate::home::Home;
use audex_core::{
    Requester,
    audit::{BrokerEvent, LogTrail, Trail},
    session::SessionId,
};
use axess_audit::log::NewEntry;
use axess_clock::{Clock, SystemClock};
use axess_events::AuthEventEnvelope;
use axess_identity::EventId;
use axess_rng::SystemRng;
use std::{path::PathBuf, sync::Arc, time::Duration};

const LINES: usize = 100_000;
const BATCH: usize = 1_000;

/// How much longer a session may take than in an empty home, and at least may.
const SLOWER: u32 = 3;
const MOMENT: Duration = Duration::from_millis(500);

fn fill(home: &Home) {
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    let trail =
        LogTrail::open(&home.data().join("audit"), &home.data().join("keys"), clock.clone(), rng.clone())
            .unwrap();
    let event = |number: usize| BrokerEvent::CredentialsFailed {
        access_key_id: None,
        session_id: SessionId::generate(&*rng),
        reason: format!("the role does not trust us, for the {number}th time"),
    };
    for batch in 0..LINES / BATCH {
        let entries = (0..BATCH).map(|number| {
            let now = clock.now();
            let envelope =
                AuthEventEnvelope::new(EventId::generate(now, &*rng), now, event(batch * BATCH + number));
            NewEntry::of(&envelope).unwrap()
        });
        trail.log().append(entries.collect()).unwrap();
    }
    trail.record(&Requester::LocalUser { uid: 0, name: None }, event(LINES)).unwrap();
    trail.close().unwrap();
}

/// The shortest of three sessions in each home, by turns, so that the machine is as busy for both.
fn fastest(homes: [&Home; 2]) -> [Duration; 2] {
    let once = |home: &Home| {
        let began = SystemClock.now();
        let output = home.shell("run --provider local --allow orders:Read", "true").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (SystemClock.now() - began).to_std().unwrap()
    };
    let _ = homes.map(once);
    let [first, more @ ..] = [(); 3].map(|()| homes.map(once));
    more.into_iter().fold(first, |[a, b], [c, d]| [a.min(c), b.min(d)])
}

/// The segments of the log that have lines, oldest first.
fn segments(home: &Home) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home.data().join("audit")).unwrap().flatten().map(|entry| entry.path());
    let is_segment = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_suffix(".jsonl").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut found: Vec<PathBuf> = entries.filter(is_segment).collect();
    found.sort();
    found
}

#[test]
fn a_long_log_is_written_fast_and_every_edit_of_it_is_found() {
    let (empty, full) = (Home::new(), Home::new());
    fill(&full);
    let [short, long] = fastest([&empty, &full]);
    assert!(long < short * SLOWER + MOMENT, "{long:?} with {LINES} lines, {short:?} without");

    let recent = full.tryaudex("audit recent").output().unwrap();
    let text = String::from_utf8_lossy(&recent.stdout);
    assert!(recent.status.success() && text.contains("SessionEnded"), "{recent:?}");
    let verified = full.verify();
    assert!(verified.status.success(), "{verified:?}");

    let victim = segments(&full).into_iter().find(|path| path.metadata().unwrap().len() > 100_000).unwrap();
    let whole = std::fs::read(&victim).unwrap();
    let position =
        whole.len() / 2 + whole[whole.len() / 2..].windows(5).position(|five| five == b"trust").unwrap();
    let edited = [&whole[..position], b"TRUST", &whole[position + 5..]].concat();
    let line = 1 + whole[..position].iter().filter(|byte| **byte == b'\n').count();
    std::fs::write(&victim, edited).unwrap();
    let verified = full.verify();
    assert_eq!(verified.status.code(), Some(85), "{verified:?}");
    let said =
        [verified.stdout, verified.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let name = victim.file_name().unwrap().to_str().unwrap();
    assert!(said.contains(name) && said.contains(&format!("line {line}:")), "{name}, line {line}: {said}");
}

#[test]
fn a_cut_end_is_found() {
    let home = Home::new();
    for _ in 0..3 {
        home.printed("run --provider local --allow orders:Read", "true");
    }
    let last = segments(&home).pop().unwrap();
    let text = std::fs::read_to_string(&last).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(&last, lines[..lines.len() - 2].join("\n") + "\n").unwrap();
    let verified = home.verify();
    assert_eq!(verified.status.code(), Some(85), "{verified:?}");
    assert!(String::from_utf8_lossy(&verified.stdout).contains("truncated"), "{verified:?}");
    // Nothing is issued on top of it.
    let output = home.shell("run --provider local --allow orders:Read", "echo started").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(85), 0), "{output:?}");
}
