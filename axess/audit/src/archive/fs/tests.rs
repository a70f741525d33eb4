//! What a crash can leave of a rewriting, step by step.

use super::*;
use crate::{
    JsonPayload,
    archive::{ArchiveFindingKind, verify_archive},
    chain::canonical,
};
use axess_core::store::AuditRow;
use axess_events::AuthEventEnvelope;
use bytes::Bytes;
use std::{fs, path::Path};

fn row(n: u8, note: &str) -> AuditRow {
    let at = DateTime::from_timestamp(1_767_225_600 + i64::from(n), 0).unwrap();
    let payload = JsonPayload { event_type: "Noted".into(), fields: Default::default() };
    let mut event = AuthEventEnvelope::new(EventId::from_parts(0, [n; 10]), at, payload);
    event.payload.fields.insert("note".into(), note.into());
    let body = canonical(&event).unwrap();
    AuditRow {
        event_id: event.event_id,
        tenant_id: None,
        user_id: None,
        event_type: "Noted".into(),
        at,
        body,
    }
}

fn opened(folder: &Path) -> FilesystemAuditArchiver {
    FilesystemAuditArchiver::open(folder, AuditSigningKey::from_bytes([1; 32]), &[]).unwrap()
}

async fn filled(folder: &Path) -> FilesystemAuditArchiver {
    let archive = opened(folder);
    for n in [1, 3] {
        let batch = ArchiveBatch {
            scope: AuditScope::System,
            rows: vec![row(n, "bob"), row(n + 1, "x")],
            at: row(9, "").at,
        };
        archive.archive_batch(batch).await.unwrap();
    }
    archive
}

fn without_bob(line: &Bytes) -> Option<Bytes> {
    let text = std::str::from_utf8(line).unwrap();
    text.contains("bob").then(|| text.replace("bob", "somebody").into_bytes().into())
}

fn kinds(folder: &Path) -> Vec<ArchiveFindingKind> {
    let keys = [AuditSigningKey::from_bytes([1; 32]).public_key()];
    verify_archive(folder, &keys).unwrap().findings.iter().map(|finding| finding.kind).collect()
}

fn lines(folder: &Path, papers: &Papers) -> String {
    let day = row(1, "").at.date_naive();
    let manifest = papers.manifest(AuditScope::System, day).unwrap().unwrap();
    let mut text = String::new();
    lines::read(&folder.join("system").join(format!("{day}.jsonl.gz")), manifest.bytes, |_, line| {
        text.extend(line.map(|line| format!("{}\n", std::str::from_utf8(&line).unwrap())));
        Ok(())
    })
    .unwrap();
    text
}

#[tokio::test]
async fn a_rewriting_is_done_or_not_done_wherever_it_ended() {
    let place = tempfile::tempdir().unwrap();
    let done = place.path().join("done");
    let day = row(1, "").at.date_naive();
    let archive = filled(&done).await;
    let (file, paper) = (
        archive.inner.papers.root.lines(AuditScope::System, day),
        archive.inner.papers.root.manifest(AuditScope::System, day),
    );
    let (old_lines, old_paper) = (fs::read(&file).unwrap(), fs::read(&paper).unwrap());
    assert_eq!(archive.rewrite(AuditScope::System, day, Box::new(without_bob)).await.unwrap(), 2);
    assert!(kinds(&done).is_empty());
    let text = lines(&done, &archive.inner.papers);
    assert!(!text.contains("bob") && text.lines().count() == 4);
    assert_eq!(archive.rewrite(AuditScope::System, day, Box::new(without_bob)).await.unwrap(), 0);
    let new_lines = fs::read(&file).unwrap();
    let mut announced = archive.inner.papers.manifest(AuditScope::System, day).unwrap().unwrap();
    announced.replaces = Some("whatever it was".into());
    let announced = signed::sign(&announced, &archive.inner.papers.key).unwrap();
    drop(archive);

    // (the manifest, the day's file, what is beside it, whether it ends up rewritten)
    type Case<'a> = (&'a [u8], &'a [u8], Option<&'a [u8]>, bool);
    let cases: [Case<'_>; 5] = [
        (&old_paper, &old_lines, Some(&new_lines[..new_lines.len() / 2]), false),
        (&old_paper, &old_lines, Some(&new_lines), false),
        (&announced, &old_lines, Some(&new_lines), true),
        (&announced, &new_lines, None, true),
        (&announced, &new_lines, Some(&new_lines[..3]), true),
    ];
    for (index, (paper_bytes, file_bytes, beside, rewritten)) in cases.into_iter().enumerate() {
        let folder = place.path().join(index.to_string());
        let archive = filled(&folder).await;
        // Only the day that is written to is looked at.
        archive.inner.papers.set_pending(AuditScope::System, day).unwrap();
        let papers = &archive.inner.papers.root;
        fs::write(papers.manifest(AuditScope::System, day), paper_bytes).unwrap();
        fs::write(papers.lines(AuditScope::System, day), file_bytes).unwrap();
        if let Some(beside) = beside {
            fs::write(papers.rewritten(AuditScope::System, day), beside).unwrap();
        }
        drop(archive);
        let archive = opened(&folder);
        assert!(kinds(&folder).is_empty(), "case {index}: {:?}", kinds(&folder));
        assert_eq!(!lines(&folder, &archive.inner.papers).contains("bob"), rewritten, "case {index}");
        assert!(!archive.inner.papers.root.rewritten(AuditScope::System, day).exists());
        let places = [1, 2, 3, 4].map(|n| (row(n, "").at, row(n, "").event_id));
        assert_eq!(archive.find(AuditScope::System, places.to_vec()).await.unwrap().len(), 4);
    }
}

#[tokio::test]
async fn a_rewriting_that_would_change_which_event_it_is_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = filled(folder.path()).await;
    let day = row(1, "").at.date_naive();
    for bad in
        [row(1, "two\nlines").body, row(7, "").body, Bytes::from_static(b"{}"), Bytes::from_static(b"")]
    {
        let bad =
            if bad == row(1, "two\nlines").body { Bytes::from([&bad[..], b"\n"].concat()) } else { bad };
        let refused = archive.rewrite(AuditScope::System, day, Box::new(move |_| Some(bad.clone()))).await;
        assert!(matches!(refused, Err(ArchiveError::NotAnEvent { .. })), "{refused:?}");
    }
    assert!(kinds(folder.path()).is_empty());
}
