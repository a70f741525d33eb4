//! The verifier: what a log says of itself, compared with what was signed.

mod extract;
mod files;
mod folder;
mod follow;
mod lines;
mod promises;
mod report;
mod vouch;

pub use extract::extract_folder;
pub(crate) use folder::{CHECKPOINTS_FILE, LOG_FILE, SEGMENT_DIGITS, SEGMENT_SUFFIX, segment_name};
pub use folder::{VerifyError, VerifyOptions, verify_folder};
pub use report::{ChainReport, Finding, FindingKind, TornTail, VerifyReport};

use super::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    entry::{Entry, LineError},
    heads::Heads,
    keys::{AuditMacKey, AuditPublicKey},
    link::{Link, LogId, link_hash},
    wire::chain_name,
};
use axess_core::store::AuditScope;
use files::Files;
use follow::Chain;
use promises::Promises;
use report::{Findings, Place};
use std::collections::BTreeMap;

/// The most chains one verification follows.
pub const MAX_CHAINS: usize = 1_000_000;

/// Checks a log line by line, in constant memory per chain.
///
/// Needs the public keys of the log's checkpoints. With the MAC keys it also checks each entry's MAC, which covers what
/// came after the last checkpoint. Feed the segments in order, each header first; feed a checkpoint before the entries
/// it was made after, or it is [`FindingKind::Unattested`]: all of them first, or [a few
/// ahead](Self::checkpoints_ahead), those that were signed together at once.
///
/// ```
/// use axess_audit::chain::{AuditKeys, Checkpoint, CheckpointReason, FindingKind, Heads, LogId, Verifier, seal};
/// use axess_core::store::AuditScope;
/// use axess_rng::{MockRng, random_array};
///
/// let rng = MockRng::new(1);
/// let (keys, scope) = (AuditKeys::generate(&rng), AuditScope::System);
/// let mut heads = Heads::new(LogId::generate(&rng));
/// let header = heads.begin_segment(1);
/// let event = br#"{"event_id":"00000000-0000-7000-8000-000000000001","event_type":"FundsTransferred"}"#;
/// let (line, link) = seal(heads.log(), scope, None, event, random_array(&rng), &keys);
/// heads.advance(scope, link);
///
/// let edited = String::from_utf8(line).unwrap().replace("Funds", "Bonds");
/// let mut verifier = Verifier::new(vec![keys.signing.public_key()]);
/// verifier.feed_header(1, header.trim_ascii_end());
/// verifier.feed_line(1, 2, edited.trim_ascii_end().as_bytes());
/// let report = verifier.finish();
/// assert_eq!(report.findings[0].kind, FindingKind::Edited);
/// assert_eq!(report.findings[0].seq, Some(1));
/// ```
#[derive(Debug)]
pub struct Verifier {
    macs: Vec<AuditMacKey>,
    only: Option<AuditScope>,
    log: Option<LogId>,
    chains: BTreeMap<String, Chain>,
    promises: Promises,
    files: Files,
    findings: Findings,
    torn: Option<TornTail>,
}

impl Verifier {
    /// Trusts checkpoints that one of these keys signed.
    #[must_use]
    pub fn new(keys: Vec<AuditPublicKey>) -> Self {
        Self {
            macs: Vec::new(),
            only: None,
            log: None,
            chains: BTreeMap::new(),
            promises: Promises::new(keys),
            files: Files::default(),
            findings: Findings::default(),
            torn: None,
        }
    }

    /// Also checks the MAC of every entry; one that none of these keys made is a finding.
    #[must_use]
    pub fn with_mac_keys(mut self, keys: Vec<AuditMacKey>) -> Self {
        self.macs = keys;
        self
    }

    /// Checks one chain and passes over the others: for the extract of a tenant.
    ///
    /// Nothing is then said about the other chains, nor whether there are any.
    #[must_use]
    pub fn with_only(mut self, scope: AuditScope) -> Self {
        self.only = Some(scope);
        self
    }

    /// Expects this log; else it is the one that the first header names.
    #[must_use]
    pub fn with_log(mut self, log: LogId) -> Self {
        self.log = Some(log);
        self
    }

    /// Also holds the log to checkpoints that were kept elsewhere.
    ///
    /// It may be longer than they promise, never shorter or different.
    #[must_use]
    pub fn with_known_checkpoints(mut self, known: impl IntoIterator<Item = SignedCheckpoint>) -> Self {
        for signed in known {
            if !self.promises.trusts(&signed) {
                let what = format!(
                    "the checkpoint kept elsewhere ({}) is not signed with a trusted key",
                    number_of(&signed.checkpoint)
                );
                self.findings
                    .add(Finding::new(FindingKind::BadCheckpoint, what).of(signed.checkpoint.scope, None));
            } else if self.only.is_none() || signed.checkpoint.scope == self.only {
                match signed.checkpoint.scope {
                    None => self.promises.keep(signed.checkpoint, &mut self.findings),
                    Some(scope) => {
                        if let Some(chain) = chain_of(&mut self.chains, scope, &mut self.findings) {
                            chain.keep(&signed.checkpoint);
                        }
                    }
                }
                self.promises.known_log.get_or_insert(signed.checkpoint.log);
            }
        }
        self
    }

    /// Returns how many checkpoints were fed whose entries were not.
    #[must_use]
    pub fn checkpoints_ahead(&self) -> usize {
        self.promises.ahead
    }

    /// Takes a line of a segment, without its line feed; the header is line 1.
    pub fn feed_line(&mut self, segment: u64, line: u64, bytes: &[u8]) {
        let at = Place { segment, line };
        match Entry::parse(bytes) {
            Ok(entry) if self.only.is_some_and(|only| only != entry.scope()) => {}
            Ok(entry) => self.take_entry(&entry, at),
            Err(error) => self.take_damaged(Entry::place_of(bytes), at, &error),
        }
    }

    /// Takes note of a line that was too long to be read whole.
    pub fn feed_too_long(&mut self, segment: u64, line: u64) {
        self.take_damaged(None, Place { segment, line }, &LineError::TooLong);
    }

    /// Takes note that a segment which is not the last one ends within a line.
    pub fn feed_unended(&mut self, segment: u64, line: u64) {
        self.take_damaged(None, Place { segment, line }, &LineError::Field("mac"));
    }

    /// Takes note that the last segment ends with part of a line: a write that is under way, or that a crash cut short.
    ///
    /// That is no tampering: nobody was told that such an entry is recorded.
    pub fn feed_torn_tail(&mut self, segment: u64, line: u64, bytes: u64) {
        self.torn = Some(TornTail { segment, line, bytes });
    }

    /// Takes note of something wrong with a file as such.
    pub(crate) fn feed_file_fault(&mut self, what: String) {
        self.findings.add(Finding::new(FindingKind::File, what));
    }

    /// Takes a line of `checkpoints.jsonl`, counted from 1, without its line feed.
    pub fn feed_checkpoint_line(&mut self, line: u64, bytes: &[u8]) {
        let log = self.log;
        let only = self.only;
        let Some(checkpoint) = self.promises.read(line, bytes, log, only, &mut self.findings) else { return };
        match checkpoint.scope {
            None => self.take_log_checkpoint(&checkpoint, line),
            Some(scope) => {
                if let Some(chain) = chain_of(&mut self.chains, scope, &mut self.findings) {
                    self.promises.ahead += usize::from(chain.promise(&checkpoint, line, &mut self.findings));
                }
            }
        }
    }

    fn take_damaged(&mut self, place: Option<(AuditScope, u64)>, at: Place, error: &LineError) {
        if let (Some(only), Some((scope, _))) = (self.only, place)
            && only != scope
        {
            return;
        }
        let kind =
            if matches!(error, LineError::NoMac) { FindingKind::MacStripped } else { FindingKind::Damaged };
        let source =
            std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
        let finding = Finding::new(kind, format!("the line is not an entry: {error}{source}")).at(at);
        let next = place.filter(|(scope, seq)| {
            self.chains.get(&chain_name(*scope)).map_or(*seq == 1, |chain| chain.next_seq() == *seq)
        });
        let Some((scope, seq)) = next else {
            self.findings.add_damaged(finding);
            return;
        };
        let number = self.findings.add(finding.of(Some(scope), Some(seq)));
        if let Some(chain) = chain_of(&mut self.chains, scope, &mut self.findings) {
            self.promises.ahead -=
                chain.take_broken(Link { seq, hash: [0; 32] }, at, number, &mut self.findings);
        }
    }

    fn take_entry(&mut self, entry: &Entry<'_>, at: Place) {
        let Some(log) = self.log else {
            let what = "no header names the log of this entry".to_owned();
            self.findings
                .add(Finding::new(FindingKind::File, what).at(at).of(Some(entry.scope()), Some(entry.seq())));
            return;
        };
        if self.only.is_none() {
            self.advance(entry, at);
        }
        let link = entry.link_bytes(log);
        if link_hash(&link, entry.mac()) != entry.link().hash {
            self.take_edited(entry, &link, at);
            return;
        }
        let suspect = self.check_mac(entry, &link, at);
        if let Some(chain) = chain_of(&mut self.chains, entry.scope(), &mut self.findings) {
            self.promises.ahead -= chain.take(entry, log, at, suspect, &mut self.findings);
        }
    }

    /// Names an entry whose hash is not that of its fields, and goes on behind it.
    fn take_edited(&mut self, entry: &Entry<'_>, link: &[u8], at: Place) {
        let stated = (entry.scope(), entry.seq());
        let (scope, seq) = self.place_in_chains(entry).unwrap_or(stated);
        let only_mac = self.macs.iter().filter(|key| key.id() == entry.key()).any(|key| {
            let mac = key.tag(&[link]);
            link_hash(link, &mac) == entry.link().hash
        });
        let (kind, what) = if *entry.mac() == [0; 32] {
            (FindingKind::MacStripped, "the MAC was taken out")
        } else if only_mac {
            (FindingKind::MacWrong, "the MAC was replaced")
        } else {
            (FindingKind::Edited, "the hash is not that of the entry")
        };
        let finding = Finding::new(kind, what.to_owned()).at(at).of(Some(scope), Some(seq));
        let known = self.chains.get(&chain_name(scope)).map_or(seq == 1, |chain| chain.next_seq() == seq);
        if !known {
            self.findings.add_damaged(finding);
            return;
        }
        let number = self.findings.add(finding);
        if let Some(chain) = chain_of(&mut self.chains, scope, &mut self.findings) {
            self.promises.ahead -=
                chain.take_broken(Link { seq, hash: entry.link().hash }, at, number, &mut self.findings);
        }
    }

    /// Finds where an edited entry stood: behind the head that it still names, if it names one.
    fn place_in_chains(&self, entry: &Entry<'_>) -> Option<(AuditScope, u64)> {
        let stated = self.chains.get(&chain_name(entry.scope()));
        let follows = |chain: &&Chain| chain.ends_with(&entry.prev());
        // Each search reads every chain: what nobody is told of is not worth it.
        let search = || self.chains.values().filter(|_| !self.findings.is_full()).find(follows);
        let chain = stated.filter(follows).or_else(search)?;
        Some((chain.scope(), chain.next_seq()))
    }

    /// Checks the MAC of an entry whose hash fits; the outer option tells whether something is wrong with it, the inner
    /// one which finding says so.
    fn check_mac(&mut self, entry: &Entry<'_>, link: &[u8], at: Place) -> Option<Option<usize>> {
        let (kind, what) = if *entry.mac() == [0; 32] {
            (FindingKind::MacStripped, "the MAC was taken out, and the hash made to fit".to_owned())
        } else if self.macs.is_empty() {
            return None;
        } else {
            match self.macs.iter().find(|key| key.id() == entry.key()) {
                None => {
                    (FindingKind::MacWrong, format!("the MAC was made with the unknown key {}", entry.key()))
                }
                Some(key) if key.verifies(&[link], entry.mac()) => return None,
                Some(_) => (FindingKind::MacWrong, "the MAC does not authenticate the entry".to_owned()),
            }
        };
        let finding = Finding::new(kind, what).at(at).of(Some(entry.scope()), Some(entry.seq()));
        Some(self.findings.add(finding))
    }

    /// Returns what was found.
    #[must_use]
    pub fn finish(mut self) -> VerifyReport {
        let mut chains = Vec::with_capacity(self.chains.len());
        for chain in self.chains.values_mut() {
            chain.finish(&mut self.findings);
            chains.extend(chain.report());
        }
        let entries = chains.iter().map(|chain| chain.entries).sum();
        let ever = self.files.state.as_ref().map_or(0, Heads::entries);
        if self.only.is_none() {
            self.check_front();
            let (first, at) = (self.files.before, self.files.at);
            self.promises.miss_order(ever.saturating_add(1), first, at, &self.findings);
            self.promises.finish(ever, &mut self.findings);
        }
        if let (Some(log), Some(known)) = (self.log, self.promises.known_log)
            && log != known
        {
            let what = format!("the checkpoints kept elsewhere are of the log {known}, this is {log}");
            self.findings.add(Finding::new(FindingKind::WrongLog, what));
        }
        if entries == 0 && self.promises.valid == 0 && self.only.is_some() {
            let what = "there is nothing of this chain: no entry and no checkpoint".to_owned();
            self.findings.add(Finding::new(FindingKind::Unattested, what).of(self.only, None));
        } else if entries > 0 && self.promises.valid == 0 {
            self.findings
                .add(Finding::new(FindingKind::Unattested, "no checkpoint attests this log".to_owned()));
        } else if self.promises.valid > 0 && self.promises.log_number() == 0 && self.only.is_none() {
            let what = "no checkpoint of the whole log: nothing says that no chain is missing".to_owned();
            self.findings.add(Finding::new(FindingKind::Unattested, what));
        }
        let erasures_due = self.chains.values().map(Chain::erasures_due).sum();
        VerifyReport {
            log: self.log,
            only: self.only,
            segments: (self.files.first > 0).then_some((self.files.first, self.files.last)),
            entries,
            attested: chains.iter().map(|chain| chain.attested).sum(),
            checkpoints: self.promises.valid,
            macs_checked: !self.macs.is_empty(),
            erasures_due,
            torn: self.torn,
            chains,
            findings_left_out: self.findings.left_out(),
            findings: self.findings.into_sorted(),
        }
    }
}

fn number_of(checkpoint: &Checkpoint) -> String {
    let whose = checkpoint.scope.map_or_else(|| "the log".to_owned(), chain_name);
    format!("number {} of {whose}", checkpoint.number)
}

fn chain_of<'c>(
    chains: &'c mut BTreeMap<String, Chain>,
    scope: AuditScope,
    findings: &mut Findings,
) -> Option<&'c mut Chain> {
    let name = chain_name(scope);
    if chains.len() >= MAX_CHAINS && !chains.contains_key(&name) {
        let what = format!("there are more than {MAX_CHAINS} chains; this one is not followed");
        findings.add(Finding::new(FindingKind::TooMany, what).of(Some(scope), None));
        return None;
    }
    Some(chains.entry(name).or_insert_with(|| Chain::new(scope)))
}
