use nix::unistd::Pid;
use std::collections::HashMap;

/// One row of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) parent: Pid,
    pub(super) group: Pid,
    pub(super) session: Pid,
    /// The controlling terminal's device number; 0 for none.
    pub(super) terminal: i64,
    /// In clock ticks since boot. Together with the id it names a process for good.
    pub(super) started: u64,
    state: u8,
}

impl Process {
    pub(super) fn read(pid: Pid) -> Option<Self> {
        Self::parse(pid, &std::fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    pub(super) const fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    pub(super) const fn is_stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }

    fn parse(pid: Pid, row: &[u8]) -> Option<Self> {
        // The second field is the name of the program in parentheses, and may hold both of them and any byte.
        let after_name = row.iter().rposition(|byte| *byte == b')')? + 2;
        let text = std::str::from_utf8(row.get(after_name..)?).ok()?;
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let id = |at: usize| Some(Pid::from_raw(fields.get(at)?.parse().ok()?));
        Some(Self {
            pid,
            parent: id(1)?,
            group: id(2)?,
            session: id(3)?,
            terminal: fields.get(4)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            state: *fields.first()?.as_bytes().first()?,
        })
    }
}

/// Returns everything that descends from `root`, zombies included, but for children of it that began before `since`
/// and what descends from those.
pub(super) fn descendants(root: Pid, since: u64) -> Vec<Process> {
    let mut children: HashMap<Pid, Vec<Process>> = HashMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<Process> = children.remove(&root).unwrap_or_default();
    found.retain(|child| child.started >= since);
    let mut next = 0;
    while let Some(process) = found.get(next).copied() {
        found.extend(children.remove(&process.pid).unwrap_or_default());
        next += 1;
    }
    found
}

fn all() -> impl Iterator<Item = Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Process::read(Pid::from_raw(pid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_odd_bytes_does_not_shift_the_fields() {
        let row = b"7 (a) Z 1 (\xff\n) T 3 4 5 34816 4 0 0 0 0 0 0 0 0 0 20 0 1 0 991 0 0";
        let process = Process::parse(Pid::from_raw(7), row).unwrap();
        assert_eq!((process.parent.as_raw(), process.group.as_raw(), process.session.as_raw()), (3, 4, 5));
        assert_eq!((process.terminal, process.started), (34816, 991));
        assert!(process.is_stopped() && !process.is_dead());
    }

    #[test]
    fn a_cut_row_is_no_process() {
        let row = b"7 (sleep) S 3 4 5 0 4 0 0 0 0 0 0 0 0 0 20 0 1 0 991 0 0";
        let whole = row.len() - 4;
        assert!(Process::parse(Pid::from_raw(7), &row[..whole]).is_some());
        for length in 0..whole - 4 {
            assert_eq!(Process::parse(Pid::from_raw(7), &row[..length]), None, "{length}");
        }
    }

    #[test]
    fn this_process_descends_from_its_parent() {
        let parent = nix::unistd::getppid();
        let found = descendants(parent, 0);
        assert!(found.iter().any(|process| process.pid == Pid::this()));
        assert!(found.iter().all(|process| process.pid != parent));
    }

    #[test]
    fn what_began_before_is_spared() {
        let parent = nix::unistd::getppid();
        let me = Process::read(Pid::this()).unwrap();
        assert!(!descendants(parent, me.started + 1).iter().any(|process| process.pid == me.pid));
    }
}
