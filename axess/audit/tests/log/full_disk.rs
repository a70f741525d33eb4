//! A small file system of its own, which only root can mount.

use crate::{
    fixture::{Place, cents, entry, forget, long_entry, read_all},
    processes::{FOLDER, folder_of_child},
};
use axess_audit::{
    chain::CheckpointReason,
    log::{AuditLogConfig, LogError, LogPosition},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A file system in memory, which goes with the test.
struct Small(TempDir);

impl Small {
    fn mount(kib: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k,mode=700"), "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(
            mount.is_ok_and(|status| status.success()),
            "these tests mount a small tmpfs: run them as root (a container's root with CAP_SYS_ADMIN will do)"
        );
        Self(folder)
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let remount = Command::new("mount").args(["-o", &options]).arg(self.0.path()).status();
        assert!(remount.unwrap().success());
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }

    /// Fills what is left, and returns the file that does.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("ballast");
        let mut size = 1 << 20;
        let mut content = Vec::new();
        while size > 0 {
            content.resize(content.len() + size, 0);
            if fs::write(&path, &content).is_err() {
                content.truncate(content.len() - size);
                fs::write(&path, &content).unwrap();
                size /= 2;
            }
        }
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.unwrap().success());
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn a_full_disk_fails_whole_batches_and_nothing_else() {
    let small = Small::mount(512);
    let place = Place::at(small.log());
    let log = place.open();
    log.append(vec![entry(Some(1), 0)]).unwrap();
    let ballast = small.fill();
    let before = length(&place.segment(1));
    // The page that is begun has room for a few lines; the rest of the batch does not fit.
    let batch: Vec<_> = (100..200).map(|n| entry(Some(1), n)).collect();
    for _ in 0..3 {
        let error = log.append(batch.clone()).unwrap_err();
        assert!(matches!(error, LogError::NoSpace { .. }), "{error}");
        assert!(error.is_transient() && error.to_string().contains("make room"), "{error}");
        assert_eq!(length(&place.segment(1)), before, "half a batch was left");
        assert_eq!(cents(&read_all(&log)), [0]);
    }
    fs::remove_file(ballast).unwrap();
    log.append(vec![entry(Some(1), 1)]).unwrap();
    assert_eq!(cents(&read_all(&log)), [0, 1]);
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn every_step_survives_a_full_disk() {
    let small = Small::mount(700);
    let place = Place::at(small.log());
    let config = AuditLogConfig { segment_bytes: 20_000, ..place.config() };
    let log = place.open_with(config.clone());
    let mut appended = Vec::new();
    let mut refused = 0;
    for round in 0..6 {
        let ballast = small.fill();
        for n in 0..30 {
            let cents = round * 100 + n;
            match log.append(vec![long_entry(Some((n % 7) as u8), cents, 300)]) {
                Ok(_) => appended.push(cents),
                Err(error) => {
                    assert!(matches!(error, LogError::NoSpace { .. }), "{error}");
                    refused += 1;
                }
            }
            // Room comes back a page at a time, so that every step meets a full disk once.
            let left = length(&ballast);
            fs::OpenOptions::new().write(true).open(&ballast).unwrap().set_len(left - 1_024).unwrap();
            let _ = log.checkpoint(CheckpointReason::Request);
        }
        fs::remove_file(ballast).unwrap();
    }
    assert!(refused > 0 && appended.len() > 60, "{refused} refused, {} appended", appended.len());
    assert_eq!(cents(&read_all(&log)), appended);
    forget(log);
    let log = place.open_with(config);
    assert_eq!(cents(&read_all(&log)), appended);
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn a_full_disk_at_opening_is_said_and_leaves_nothing_in_the_way() {
    let small = Small::mount(512);
    let place = Place::at(small.log());
    let ballast = small.fill();
    let error = place.try_open().unwrap_err();
    assert!(matches!(error, LogError::NoSpace { .. }), "{error}");
    fs::remove_file(ballast).unwrap();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    log.close().unwrap();
    place.assert_whole();
}

/// The test runs itself again, where it may have few files open.
#[test]
fn a_process_without_free_file_handles_says_so_and_goes_on_later() {
    if let Some(path) = folder_of_child() {
        let place = Place::at(path);
        let log = place.open_with(AuditLogConfig { segment_bytes: 1, ..place.config() });
        log.append(vec![entry(None, 1)]).unwrap();
        let mut taken: Vec<_> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
        for _ in 0..3 {
            let error = log.append(vec![entry(None, 2)]).unwrap_err();
            assert!(matches!(error, LogError::Io { .. }) && error.is_transient(), "{error}");
            assert!(log.read(LogPosition::default(), 1, 1).is_err());
        }
        // One handle is enough.
        taken.pop();
        log.append(vec![entry(None, 3)]).unwrap();
        drop(taken);
        log.append(vec![entry(None, 4)]).unwrap();
        return log.close().unwrap();
    }
    let place = Place::new();
    let test = "full_disk::a_process_without_free_file_handles_says_so_and_goes_on_later";
    let few = Command::new("prlimit")
        .arg("--nofile=40")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads", "1"])
        .env(FOLDER, &place.path)
        .output()
        .unwrap();
    assert!(few.status.success(), "{}", String::from_utf8_lossy(&few.stdout));
    assert_eq!(cents(&read_all(&place.open())), [1, 3, 4]);
    place.assert_whole();
}

#[test]
fn a_read_only_file_system_is_said() {
    let small = Small::mount(512);
    let place = Place::at(small.log());
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    log.close().unwrap();
    drop(log);
    small.remount("ro");
    let error = place.try_open().unwrap_err();
    assert!(matches!(error, LogError::NotWritable { .. }), "{error}");
    place.assert_whole();
    small.remount("rw");
    place.open().append(vec![entry(None, 2)]).unwrap();
}
