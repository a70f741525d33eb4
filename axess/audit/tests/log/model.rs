//! The log against a list, through random lives.

use crate::fixture::{Place, cents, entry, forget, long_entry, read_after, read_all, repairs};
use axess_audit::{
    chain::CheckpointReason,
    log::{AuditLog, AuditLogConfig, LogPosition},
};
use proptest::prelude::*;
use std::{fs::OpenOptions, io::Write};

#[derive(Debug, Clone)]
enum Step {
    Append {
        tenant: Option<u8>,
        count: usize,
        note: usize,
    },
    AppendAtTheOther {
        count: usize,
    },
    AppendOnce {
        again: usize,
        fresh: usize,
    },
    Checkpoint,
    Reopen,
    /// The process is killed and leaves this many bytes of an entry.
    Crash {
        torn: usize,
    },
    Retire,
    LoseHeads,
    Read {
        after: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (proptest::option::of(0..3u8), 1..4usize, 0..600usize)
            .prop_map(|(tenant, count, note)| Step::Append { tenant, count, note }),
        2 => (1..3usize).prop_map(|count| Step::AppendAtTheOther { count }),
        1 => (0..3usize, 0..3usize).prop_map(|(again, fresh)| Step::AppendOnce { again, fresh }),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        2 => (0..300usize).prop_map(|torn| Step::Crash { torn }),
        1 => Just(Step::Retire),
        1 => Just(Step::LoseHeads),
        2 => (0..1_000usize).prop_map(|after| Step::Read { after }),
    ]
}

/// The log, a second handle of it, and what must be in it.
struct Life {
    place: Place,
    config: AuditLogConfig,
    log: AuditLog,
    other: AuditLog,
    expected: Vec<u64>,
    /// How many of them retention may have taken.
    retired: usize,
    torn: usize,
    front_cut: bool,
    next: u64,
}

impl Life {
    fn begin() -> Self {
        let place = Place::new();
        let config = AuditLogConfig { segment_bytes: 3_000, ..place.config() };
        let (log, other) = (place.open_with(config.clone()), place.open_with(config.clone()));
        Self {
            place,
            config,
            log,
            other,
            expected: Vec::new(),
            retired: 0,
            torn: 0,
            front_cut: false,
            next: 0,
        }
    }

    fn numbers(&mut self, count: usize) -> Vec<u64> {
        let first = self.next;
        self.next += count as u64;
        let numbers: Vec<u64> = (first..self.next).collect();
        self.expected.extend(&numbers);
        numbers
    }

    fn live(&mut self, step: Step) {
        match step {
            Step::Append { tenant, count, note } => {
                let batch = self.numbers(count).into_iter().map(|n| long_entry(tenant, n, note)).collect();
                self.log.append(batch).unwrap();
            }
            Step::AppendAtTheOther { count } => {
                let batch = self.numbers(count).into_iter().map(|n| entry(Some(1), n)).collect();
                self.other.append(batch).unwrap();
            }
            Step::AppendOnce { again, fresh } => {
                let mut batch: Vec<_> = self.numbers(fresh).into_iter().map(|n| entry(None, n)).collect();
                self.log.append_once(batch.clone()).unwrap();
                batch.truncate(again);
                assert!(self.other.append_once(batch).unwrap().iter().all(Option::is_none));
            }
            Step::Checkpoint => drop(self.log.checkpoint(CheckpointReason::Request).unwrap()),
            Step::Reopen => {
                self.log.close().unwrap();
                self.log = self.place.open_with(self.config.clone());
            }
            Step::Crash { torn } => {
                let mut file = OpenOptions::new().append(true).open(self.place.last_segment()).unwrap();
                file.write_all(&b"{\"v\":1,\"chain\":\"system\",\"seq\":".repeat(10)[..torn]).unwrap();
                self.torn += usize::from(torn > 0);
                let fresh = self.place.open_with(self.config.clone());
                forget(std::mem::replace(&mut self.log, fresh));
            }
            Step::Retire => {
                let first = self.log.segments().unwrap()[0].segment;
                self.front_cut |= self.log.retire(first + 1).unwrap() > 0;
                self.retired = self.expected.len() - cents(&read_all(&self.log)).len();
            }
            Step::LoseHeads => drop(std::fs::remove_file(self.place.file("heads"))),
            Step::Read { after } => {
                let all = read_all(&self.other);
                let index = after % (all.len() + 1);
                let from = index.checked_sub(1).map_or(LogPosition::default(), |last| all[last].position);
                assert_eq!(read_after(&self.log, from), all[index..]);
                let depth = self.log.depth_after(from).unwrap().entries as usize;
                assert_eq!(depth, all.len() - index);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_keeps_every_entry_in_order(steps in proptest::collection::vec(step(), 1..40)) {
        let mut life = Life::begin();
        for step in steps {
            life.live(step);
        }
        let all = read_all(&life.log);
        assert_eq!(cents(&all), life.expected[life.retired..]);
        assert!(repairs(&all).len() <= life.torn);
        assert!(life.front_cut || repairs(&all).len() == life.torn);
        life.other.close().unwrap();
        life.log.close().unwrap();
        life.place.assert_whole();
    }
}
