//! The chain: what an entry commits to, what a checkpoint signs, and the verifier.
//!
//! # A line
//!
//! `{"v":1,"chain":"<uuid|system>","seq":1,"prev":"<43>","key":"<11>","salt":"<22>","event":{...},"hash":"<43>","mac":"<43>"}`
//!
//! One JSON object per line, these fields in this order, no white space, bytes as unpadded base64url. There is a chain
//! for each tenant and one for the events of no tenant; `seq` counts its entries from 1.
//!
//! - `event` is the event in [canonical](canonical()) form.
//! - [`commitment`] = SHA-256(`axess-audit-event-v1\0` ‖ salt ‖ event).
//! - link = `axess-audit-link-v1\0` ‖ log id (16) ‖ length of chain (1) ‖ chain ‖ seq (8, big endian) ‖ prev (32) ‖
//!   commitment (32) ‖ length of key (1) ‖ key.
//! - `mac` = HMAC-SHA-256(MAC key, link); `hash` = SHA-256(link ‖ mac). The next entry of the chain has it as `prev`;
//!   the first one has [`genesis`]: SHA-256(`axess-audit-genesis-v1\0` ‖ log id ‖ chain).
//!
//! Without the MAC key nobody can add to a log, and taking a MAC away breaks the hash, so that a reader needs no secret.
//!
//! A rewritten entry (a user was erased from it) keeps the commitment it was made with, as `"commitment":"<43>"`, and
//! names the entry that vouches for what it holds now, as `"erased":<seq>`; both stand before `salt`. The entry at that
//! place, an `AuditSubjectErased`, lists the commitment to the new event and salt.
//!
//! A chain may begin later than at 1 when a later entry of it, an `AuditEventsDeleted` of the log, says that everything
//! up to there was deleted.
//!
//! Behind the last checkpoint anybody who can write the file can write an entry that a reader without the MAC key has to
//! take. An entry therefore vouches for something only once a checkpoint attests it: whoever erases or deletes appends
//! the entry, signs a checkpoint, and only then changes the files.
//!
//! # Checkpoints
//!
//! [`SignedCheckpoint`]: signed with Ed25519 what the heads of the chains are, so that rewriting the log needs the
//! signing key as well, and cutting its end off is seen by everybody who has a later checkpoint.
//!
//! # A folder
//!
//! `log.json` (`v`, `id`), the segments `000000000001.jsonl`, `000000000002.jsonl` and so on, each with a
//! [`SegmentHeader`] as first line, and `checkpoints.jsonl`.

mod checkpoint;
mod entry;
mod heads;
mod json;
mod key_files;
mod keys;
mod link;
mod pseudonym;
mod verify;
mod wire;

pub use checkpoint::{Checkpoint, CheckpointReason, MAX_CHECKPOINT_BYTES, SignedCheckpoint};
pub use entry::{Entry, LineError, MAX_LINE_BYTES};
pub use heads::{Heads, SegmentHeader};
pub use json::{CanonicalError, MAX_EVENT_BYTES, MAX_EVENT_DEPTH, canonical, check_canonical};
pub use key_files::{KeyError, MAX_PREVIOUS_MACS};
pub use keys::{AuditKeys, AuditMacKey, AuditPublicKey, AuditSigningKey, KeyId, ParseKeyError};
pub use link::{Link, LogId, ParseLogIdError, commitment, genesis, seal};
pub use pseudonym::pseudonym;
pub(crate) use verify::{CHECKPOINTS_FILE, LOG_FILE, SEGMENT_DIGITS, SEGMENT_SUFFIX, segment_name};
pub use verify::{
    ChainReport, Finding, FindingKind, MAX_CHAINS, TornTail, Verifier, VerifyError, VerifyOptions,
    VerifyReport, extract_folder, verify_folder,
};
pub(crate) use wire::chain_name;
