use axess_audit::chain::{
    AuditKeys, Checkpoint, CheckpointReason, Entry, Finding, FindingKind, Heads, Link, LogId, VerifyOptions,
    VerifyReport, canonical, seal, verify_folder,
};
use axess_core::store::AuditScope;
use axess_events::{AuthEvent, AuthEventEnvelope};
use axess_identity::{EventId, TenantId};
use axess_rng::{MockRng, random_array};
use std::{collections::BTreeMap, fs, path::Path};

pub(crate) const A: AuditScope = AuditScope::Tenant(TenantId::from_parts(1, [1; 10]));
pub(crate) const B: AuditScope = AuditScope::Tenant(TenantId::from_parts(2, [2; 10]));
pub(crate) const S: AuditScope = AuditScope::System;

/// A log in memory: the lines of its files, without line feeds.
pub(crate) struct Sample {
    pub(crate) keys: AuditKeys,
    pub(crate) heads: Heads,
    pub(crate) segments: BTreeMap<u64, Vec<Vec<u8>>>,
    pub(crate) checkpoints: Vec<Vec<u8>>,
    pub(crate) rng: MockRng,
    signed: BTreeMap<Option<String>, (u64, u64)>,
    events: u64,
}

impl Sample {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = MockRng::new(seed);
        let (keys, heads) = (AuditKeys::generate(&rng), Heads::new(LogId::generate(&rng)));
        let (segments, checkpoints, signed) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let mut sample = Self { keys, heads, segments, checkpoints, rng, signed, events: 0 };
        sample.rotate();
        sample
    }

    /// Thirty entries in three chains, by turns, in three segments of ten, with checkpoints at the end of each.
    ///
    /// After the first there are four entries of A and three of B and S, then 7, 7, 6, then 10 of each.
    pub(crate) fn standard() -> Self {
        let mut sample = Self::new(7);
        for n in 0..30_usize {
            sample.add([A, B, S][n % 3]);
            if n % 10 == 9 {
                sample.checkpoint(CheckpointReason::Schedule);
                if n < 29 {
                    sample.rotate();
                }
            }
        }
        sample
    }

    pub(crate) fn rotate(&mut self) {
        let number = self.segments.keys().last().map_or(1, |last| last + 1);
        let header = self.heads.begin_segment(number);
        self.segments.insert(number, vec![without_feed(header)]);
    }

    pub(crate) fn event(&mut self) -> Vec<u8> {
        self.events += 1;
        let id = EventId::from_parts(self.events, [5; 10]);
        format!(r#"{{"amount":{},"event_id":"{id}","event_type":"FundsTransferred"}}"#, self.events)
            .into_bytes()
    }

    pub(crate) fn add(&mut self, scope: AuditScope) -> Link {
        let event = self.event();
        self.add_event(scope, &event)
    }

    /// Adds an event of the catalogue.
    pub(crate) fn add_typed(&mut self, scope: AuditScope, event: impl Into<AuthEvent>) -> Link {
        self.events += 1;
        let id = EventId::from_parts(self.events, [5; 10]);
        let envelope = AuthEventEnvelope::new(id, chrono::DateTime::UNIX_EPOCH, event.into());
        self.add_event(scope, &canonical(&envelope).unwrap())
    }

    pub(crate) fn add_event(&mut self, scope: AuditScope, event: &[u8]) -> Link {
        let salt = random_array(&self.rng);
        let (line, link) = seal(self.heads.log(), scope, self.heads.head(scope), event, salt, &self.keys);
        self.heads.advance(scope, link);
        self.segments.values_mut().last().unwrap().push(without_feed(line));
        link
    }

    pub(crate) fn checkpoint(&mut self, reason: CheckpointReason) {
        let heads: Vec<(AuditScope, Link)> = self.heads.iter().collect();
        for (scope, link) in heads {
            if self.signed.get(&Some(name(scope))).is_none_or(|(_, seq)| *seq < link.seq) {
                self.sign(Some(scope), link, None, reason);
            }
        }
        let whole = Link { seq: self.heads.entries(), hash: self.heads.root() };
        self.sign(None, whole, Some(self.heads.order()), reason);
    }

    fn sign(
        &mut self,
        scope: Option<AuditScope>,
        link: Link,
        order: Option<[u8; 32]>,
        reason: CheckpointReason,
    ) {
        let last = self.signed.entry(scope.map(name)).or_default();
        *last = (last.0 + 1, link.seq);
        let (log, at) = (self.heads.log(), chrono::DateTime::UNIX_EPOCH);
        let Link { seq, hash } = link;
        let checkpoint = Checkpoint { log, scope, number: last.0, at, seq, hash, order, reason };
        self.checkpoints.push(without_feed(checkpoint.sign(&self.keys.signing).to_line()));
    }

    /// Returns the segment and the index of an entry's line in it.
    pub(crate) fn find(&self, scope: AuditScope, seq: u64) -> (u64, usize) {
        let found = self.segments.iter().find_map(|(number, lines)| {
            let at = lines.iter().position(|line| Entry::place_of(line) == Some((scope, seq)))?;
            Some((*number, at))
        });
        found.unwrap()
    }

    pub(crate) fn line(&mut self, scope: AuditScope, seq: u64) -> &mut Vec<u8> {
        let (segment, at) = self.find(scope, seq);
        &mut self.segments.get_mut(&segment).unwrap()[at]
    }

    pub(crate) fn text(&mut self, scope: AuditScope, seq: u64) -> String {
        String::from_utf8(self.line(scope, seq).clone()).unwrap()
    }

    pub(crate) fn remove(&mut self, scope: AuditScope, seq: u64) -> Vec<u8> {
        let (segment, at) = self.find(scope, seq);
        self.segments.get_mut(&segment).unwrap().remove(at)
    }

    /// Puts a line at the place of an entry, which then follows it.
    pub(crate) fn insert_before(&mut self, scope: AuditScope, seq: u64, line: Vec<u8>) {
        let (segment, at) = self.find(scope, seq);
        self.segments.get_mut(&segment).unwrap().insert(at, line);
    }

    /// Writes the entries of a chain anew from `from` on, with other events, as somebody with `keys` can.
    pub(crate) fn forge_from(&mut self, scope: AuditScope, from: u64, to: u64, keys: &AuditKeys) {
        for seq in from..=to {
            let head = (seq > 1).then(|| Entry::parse(self.line(scope, seq - 1)).unwrap().link());
            let event = self.event();
            let (line, _) = seal(self.heads.log(), scope, head, &event, [9; 16], keys);
            *self.line(scope, seq) = without_feed(line);
        }
    }

    pub(crate) fn options(&self) -> VerifyOptions {
        VerifyOptions { keys: vec![self.keys.signing.public_key()], ..VerifyOptions::default() }
    }

    pub(crate) fn with_macs(&self) -> VerifyOptions {
        VerifyOptions { macs: vec![self.keys.mac.clone()], ..self.options() }
    }

    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let id = self.heads.log();
        fs::write(folder.join("log.json"), format!(r#"{{"v":1,"id":"{id}","created_at":"now"}}"#)).unwrap();
        for (number, lines) in &self.segments {
            fs::write(folder.join(format!("{number:012}.jsonl")), joined(lines)).unwrap();
        }
        fs::write(folder.join("checkpoints.jsonl"), joined(&self.checkpoints)).unwrap();
    }

    pub(crate) fn verify_with(&self, options: &VerifyOptions) -> VerifyReport {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        verify_folder(folder.path(), options).unwrap()
    }

    pub(crate) fn verify(&self) -> VerifyReport {
        self.verify_with(&self.options())
    }
}

pub(crate) fn without_feed(mut line: Vec<u8>) -> Vec<u8> {
    assert_eq!(line.pop(), Some(b'\n'));
    line
}

pub(crate) fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect()
}

pub(crate) fn name(scope: AuditScope) -> String {
    match scope {
        AuditScope::Tenant(id) => id.to_string(),
        AuditScope::System => "system".to_owned(),
    }
}

/// A finding without its text.
pub(crate) type Short = (FindingKind, Option<AuditScope>, Option<u64>, Option<u64>, Option<u64>);

pub(crate) fn short(finding: &Finding) -> Short {
    (finding.kind, finding.chain, finding.seq, finding.segment, finding.line)
}

#[track_caller]
pub(crate) fn assert_whole(report: &VerifyReport) {
    assert!(report.is_whole(), "{:#?}", report.findings);
}
