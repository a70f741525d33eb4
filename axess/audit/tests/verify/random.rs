//! Any single change to any log is found; a log nobody changed never raises an alarm.

use crate::sample::{A, B, S, Sample, assert_whole, joined};
use axess_audit::chain::{CheckpointReason, VerifyReport, verify_folder};
use proptest::{prelude::*, sample::Index};
use std::fs;

#[derive(Debug, Clone)]
enum Step {
    Add(u8),
    Rotate,
    Checkpoint,
}

#[derive(Debug, Clone)]
enum Change {
    FlipByte(Index, Index, u8),
    DeleteLine(Index, Index),
    SwapLines(Index, Index, Index),
    CopyLine(Index, Index, Index),
    Truncate(Index, Index),
    FlipCheckpoint(Index, Index, u8),
    DeleteCheckpoint(Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3_u8).prop_map(Step::Add),
        1 => Just(Step::Rotate),
        1 => Just(Step::Checkpoint),
    ];
    prop::collection::vec(step, 1..40)
}

fn changes() -> impl Strategy<Value = Change> {
    let index = || any::<Index>();
    prop_oneof![
        4 => (index(), index(), 1..=255_u8).prop_map(|(a, b, bits)| Change::FlipByte(a, b, bits)),
        2 => (index(), index()).prop_map(|(a, b)| Change::DeleteLine(a, b)),
        2 => (index(), index(), index()).prop_map(|(a, b, c)| Change::SwapLines(a, b, c)),
        2 => (index(), index(), index()).prop_map(|(a, b, c)| Change::CopyLine(a, b, c)),
        2 => (index(), index()).prop_map(|(a, b)| Change::Truncate(a, b)),
        1 => (index(), index(), 1..=255_u8).prop_map(|(a, b, bits)| Change::FlipCheckpoint(a, b, bits)),
        1 => index().prop_map(Change::DeleteCheckpoint),
    ]
}

fn build(steps: &[Step]) -> Sample {
    let mut sample = Sample::new(11);
    sample.add(A);
    for step in steps {
        match step {
            Step::Add(chain) => drop(sample.add([A, B, S][usize::from(*chain)])),
            Step::Rotate => sample.rotate(),
            Step::Checkpoint => sample.checkpoint(CheckpointReason::Schedule),
        }
    }
    sample.checkpoint(CheckpointReason::Shutdown);
    sample
}

/// Applies a change to the files; `None` when it changes nothing that is evidence.
fn changed(sample: &mut Sample, change: &Change) -> Option<VerifyReport> {
    let segments: Vec<u64> = sample.segments.keys().copied().collect();
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = None;
    match change {
        Change::FlipByte(segment, at, bits) => {
            let number = *segment.get(&segments);
            let mut file = joined(&sample.segments[&number]);
            let at = at.index(file.len());
            file[at] ^= bits;
            bytes = Some((format!("{number:012}.jsonl"), file));
        }
        Change::DeleteLine(segment, at) => {
            let lines = sample.segments.get_mut(segment.get(&segments))?;
            let line = lines.remove(at.index(lines.len()));
            if lines.is_empty()
                && line.starts_with(br#"{"v":1,"log":"#)
                && segment.get(&segments) == segments.last()?
            {
                return None;
            }
        }
        Change::SwapLines(segment, one, two) => {
            let lines = sample.segments.get_mut(segment.get(&segments))?;
            let (one, two) = (one.index(lines.len()), two.index(lines.len()));
            if one == two {
                return None;
            }
            lines.swap(one, two);
        }
        Change::CopyLine(segment, from, to) => {
            let lines = sample.segments.get_mut(segment.get(&segments))?;
            let line = from.get(lines).clone();
            lines.insert(to.index(lines.len() + 1), line);
        }
        Change::Truncate(segment, at) => {
            let number = *segment.get(&segments);
            let mut file = joined(&sample.segments[&number]);
            file.truncate(at.index(file.len()));
            let left = sample.segments.split_off(&(number + 1));
            if sample.segments[&number].len() == 1 && left.values().all(|lines| lines.len() == 1) {
                return None;
            }
            bytes = Some((format!("{number:012}.jsonl"), file));
        }
        Change::FlipCheckpoint(line, at, bits) => {
            let line = line.index(sample.checkpoints.len());
            let at = at.index(sample.checkpoints[line].len());
            sample.checkpoints[line][at] ^= bits;
        }
        Change::DeleteCheckpoint(line) => {
            // Without the last one, the one before it is the last.
            let line = line.index(sample.checkpoints.len());
            if line + 1 == sample.checkpoints.len() {
                return None;
            }
            sample.checkpoints.remove(line);
        }
    }
    sample.write(folder.path());
    if let Some((name, bytes)) = bytes {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    Some(verify_folder(folder.path(), &sample.options()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_change_is_found_and_nothing_else_is(steps in steps(), change in changes()) {
        let mut sample = build(&steps);
        assert_whole(&sample.verify());
        assert_whole(&sample.verify_with(&sample.with_macs()));
        if let Some(report) = changed(&mut sample, &change) {
            prop_assert!(!report.is_whole(), "{change:?}: {report:#?}");
        }
    }
}
