use crate::chain::{
    link::{Link, LogId},
    wire::{chain_name, encode},
};
use axess_core::store::AuditScope;
use serde::{Serialize, Serializer};
use std::fmt;

/// The most findings that a report lists; the others are counted.
const MAX_FINDINGS: usize = 1_000;

/// What a verification found.
///
/// ```
/// use axess_audit::chain::Verifier;
/// let report = Verifier::new(vec![]).finish();
/// assert!(report.is_whole() && report.entries == 0);
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// The log.
    pub log: Option<LogId>,
    /// The one chain that was looked at; absent when all were.
    #[serde(serialize_with = "optional_scope")]
    pub only: Option<AuditScope>,
    /// The first and last segment that were read.
    pub segments: Option<(u64, u64)>,
    /// How many entries were read.
    pub entries: u64,
    /// How many of them a checkpoint attests. The others are not a finding: the next checkpoint attests them.
    pub attested: u64,
    /// How many checkpoints have a valid signature.
    pub checkpoints: u64,
    /// Whether the MACs were checked, which covers the entries no checkpoint attests yet.
    pub macs_checked: bool,
    /// How many entries still hold what an erasure said it takes out: it is under way, or was interrupted.
    pub erasures_due: u64,
    /// What stands behind the last whole line.
    pub torn: Option<TornTail>,
    /// The chains, sorted by name.
    pub chains: Vec<ChainReport>,
    /// What is wrong, in the order of the log.
    pub findings: Vec<Finding>,
    /// How many findings are not listed.
    pub findings_left_out: u64,
}

/// What a verification found of one chain.
///
/// ```
/// use axess_audit::chain::ChainReport;
/// use axess_core::store::AuditScope;
/// let chain = ChainReport { chain: AuditScope::System, first: 1, last: 3, head: [0; 32], entries: 3, attested: 2 };
/// assert_eq!(chain.entries - chain.attested, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// Whose chain.
    #[serde(serialize_with = "scope")]
    pub chain: AuditScope,
    /// The place of its first entry that is left.
    pub first: u64,
    /// The place of its last entry.
    pub last: u64,
    /// The hash of its last entry.
    #[serde(serialize_with = "hash")]
    pub head: [u8; 32],
    /// How many entries were read.
    pub entries: u64,
    /// How many of them a checkpoint attests.
    pub attested: u64,
}

/// Part of a line at the end of the last segment.
///
/// ```
/// use axess_audit::chain::Verifier;
/// let mut verifier = Verifier::new(vec![]);
/// verifier.feed_torn_tail(1, 9, 117);
/// let report = verifier.finish();
/// assert!(report.is_whole() && report.torn.unwrap().bytes == 117);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TornTail {
    /// The segment.
    pub segment: u64,
    /// The line, counted from 1.
    pub line: u64,
    /// How many bytes of it there are.
    pub bytes: u64,
}

/// One thing that is wrong, and where.
///
/// ```
/// use axess_audit::chain::{Finding, FindingKind};
/// let finding = Finding {
///     kind: FindingKind::Missing,
///     chain: None,
///     seq: Some(5),
///     segment: Some(2),
///     line: Some(17),
///     what: "entry 5 is missing".into(),
/// };
/// assert_eq!(finding.to_string(), "missing: entry 5, segment 2, line 17: entry 5 is missing");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it looks like.
    pub kind: FindingKind,
    /// The chain, as far as it can be told.
    #[serde(serialize_with = "optional_scope")]
    pub chain: Option<AuditScope>,
    /// The place of the entry in its chain.
    pub seq: Option<u64>,
    /// The segment; absent when the line is one of `checkpoints.jsonl`.
    pub segment: Option<u64>,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// What is wrong, for people.
    pub what: String,
}

/// What a finding looks like.
///
/// ```
/// use axess_audit::chain::FindingKind;
/// assert!(FindingKind::Edited.is_tampering());
/// assert!(!FindingKind::Unattested.is_tampering());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// An entry is not as it was written.
    Edited,
    /// A line is not an entry at all.
    Damaged,
    /// Entries are gone from the middle of a chain.
    Missing,
    /// An entry stands where none belongs: a forged one, or a copy.
    Inserted,
    /// Entries stand in another order than they were written in.
    Reordered,
    /// The end of a chain, or all of it, is gone: a checkpoint promises more.
    Truncated,
    /// Entries were replaced by others that fit each other: a checkpoint promises other ones.
    Rewritten,
    /// An entry has no MAC.
    MacStripped,
    /// A MAC was not made with a key of this log.
    MacWrong,
    /// An entry says that it was erased, and no erasure vouches for what it holds.
    NotErased,
    /// The beginning of a chain is gone, and no retention vouches for that.
    FrontCut,
    /// A file is of another log.
    WrongLog,
    /// A file is missing, in another's place, or its header is not as it was written.
    File,
    /// A checkpoint is not one: edited, or signed with a key that is not trusted.
    BadCheckpoint,
    /// A checkpoint is gone.
    MissingCheckpoint,
    /// No checkpoint attests the log, or that no chain is missing, or the entry that vouches for an erasure or a cut, or a
    /// checkpoint could not be compared with its entries. It may be whole; it cannot be told.
    Unattested,
    /// There is more than can be followed.
    TooMany,
}

impl VerifyReport {
    /// Tells whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }

    /// Returns how many entries no checkpoint attests yet.
    #[must_use]
    pub fn unattested(&self) -> u64 {
        self.entries.saturating_sub(self.attested)
    }
}

impl FindingKind {
    /// Tells whether somebody changed the log; else it cannot be told whether anybody did.
    #[must_use]
    pub fn is_tampering(self) -> bool {
        !matches!(self, Self::Unattested | Self::TooMany)
    }

    fn is_of_entries(self) -> bool {
        !matches!(self, Self::BadCheckpoint | Self::MissingCheckpoint | Self::Unattested)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) line: u64,
}

impl Finding {
    pub(super) fn new(kind: FindingKind, what: String) -> Self {
        Self { kind, chain: None, seq: None, segment: None, line: None, what }
    }

    pub(super) fn at(mut self, at: Place) -> Self {
        (self.segment, self.line) = (Some(at.segment), Some(at.line));
        self
    }

    pub(super) fn at_checkpoint(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    pub(super) fn of(mut self, chain: Option<AuditScope>, seq: Option<u64>) -> Self {
        (self.chain, self.seq) = (chain, seq);
        self
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    left_out: u64,
    of_entries: bool,
    /// Lines that no chain claims yet.
    damaged: Vec<usize>,
}

impl Findings {
    /// Adds a finding and returns its number, unless there are too many to list.
    pub(super) fn add(&mut self, finding: Finding) -> Option<usize> {
        self.of_entries |= finding.kind.is_of_entries();
        if self.list.len() >= MAX_FINDINGS {
            self.left_out += 1;
            return None;
        }
        self.list.push(finding);
        Some(self.list.len() - 1)
    }

    /// Adds a finding of a line whose entry is not known; a chain that lacks one will claim it.
    pub(super) fn add_damaged(&mut self, finding: Finding) {
        let number = self.add(finding);
        self.damaged.extend(number);
    }

    /// Explains that a chain lacks these entries by lines that cannot be read, if there are enough of them.
    pub(super) fn claim_damaged(&mut self, scope: AuditScope, from: u64, count: u64) -> bool {
        let Some(count) = usize::try_from(count).ok().filter(|count| *count <= self.damaged.len()) else {
            return false;
        };
        for (number, seq) in self.damaged.drain(..count).zip(from..) {
            if let Some(finding) = self.list.get_mut(number) {
                (finding.chain, finding.seq) = (Some(scope), Some(seq));
            }
        }
        true
    }

    pub(super) fn get_mut(&mut self, number: Option<usize>) -> Option<&mut Finding> {
        self.list.get_mut(number?)
    }

    /// Tells whether all entries so far are as they should be.
    pub(super) fn entries_clean(&self) -> bool {
        !self.of_entries
    }

    /// Tells whether no more findings are listed.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MAX_FINDINGS
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn into_sorted(mut self) -> Vec<Finding> {
        self.list
            .sort_by_key(|finding| (finding.segment.unwrap_or(u64::MAX), finding.line.unwrap_or(u64::MAX)));
        self.list
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind)?;
        let mut parts = Vec::new();
        parts.extend(self.chain.map(|chain| format!("chain {}", chain_name(chain))));
        parts.extend(self.seq.map(|seq| format!("entry {seq}")));
        parts.extend(self.segment.map(|segment| format!("segment {segment}")));
        parts.extend(self.line.map(|line| match self.segment {
            Some(_) => format!("line {line}"),
            None => format!("line {line} of checkpoints.jsonl"),
        }));
        if !parts.is_empty() {
            write!(f, "{}: ", parts.join(", "))?;
        }
        f.write_str(&self.what)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl ChainReport {
    pub(super) fn new(chain: AuditScope, first: u64, head: Link, entries: u64, attested: u64) -> Self {
        Self { chain, first, last: head.seq, head: head.hash, entries, attested }
    }
}

fn scope<S: Serializer>(scope: &AuditScope, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&chain_name(*scope))
}

fn optional_scope<S: Serializer>(scope: &Option<AuditScope>, serializer: S) -> Result<S::Ok, S::Error> {
    scope.map(chain_name).serialize(serializer)
}

fn hash<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(hash))
}
