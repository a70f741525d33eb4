use super::KeeperError;
use nix::sys::{
    signal::{self, SigSet, Signal},
    signalfd::{SfdFlags, SignalFd, siginfo},
};
use std::{io, os::fd::AsFd};
use tokio::net::unix::pipe;

/// What W forwards.
const FORWARDED: [Signal; 9] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGCONT,
    Signal::SIGTSTP,
];

/// Holds the signals of this process back, so that they can be read with their sender instead of acting.
///
/// From [`hold`](Self::hold) on, Ctrl-C does nothing by itself: whoever waits before a command runs has to wait for
/// [`interruption`](Self::interruption) at the same time; while one runs, [`Keeper::wait`](super::Keeper::wait) reads.
/// Signals that the caller had ignored (`nohup`) stay ignored, for the command too.
///
/// ```no_run
/// # use audex_cli::keeper::{KeeperError, Signals};
/// # async fn issue() {}
/// # fn main() -> Result<(), KeeperError> {
/// let signals = Signals::hold()?; // first of all: before the runtime, before any thread
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// runtime.block_on(async {
///     tokio::select! {
///         () = issue() => Ok(()),
///         signal = signals.interruption() => std::process::exit(128 + signal?),
///     }
/// })
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Signals {
    held: SigSet,
}

impl Signals {
    /// Holds INT, TERM, HUP, QUIT, USR1, USR2, WINCH, CONT and TSTP, except for those that are ignored.
    ///
    /// # Errors
    /// [`KeeperError::Threads`] when the process has a second thread: that one would still take the signals and die.
    pub fn hold() -> Result<Self, KeeperError> {
        let threads = std::fs::read_dir("/proc/self/task").map_err(KeeperError::system("read /proc"))?;
        if threads.count() != 1 {
            return Err(KeeperError::Threads);
        }
        let ignored = ignored().map_err(KeeperError::system("read /proc"))?;
        let held: SigSet = FORWARDED.into_iter().filter(|signal| !ignored.contains(*signal)).collect();
        held.thread_block().map_err(KeeperError::refused("hold signals"))?;
        Ok(Self { held })
    }

    /// Waits until somebody wants this process to end, and returns the signal: INT, TERM, HUP or QUIT.
    ///
    /// On TSTP the process stops, and goes on waiting when it is continued; the other signals are dropped. Safe to
    /// cancel.
    ///
    /// # Errors
    /// [`KeeperError::System`] when the signals cannot be read.
    pub async fn interruption(&self) -> Result<i32, KeeperError> {
        let stream = self.listen()?;
        loop {
            let received = stream.next().await.map_err(KeeperError::system("read signals"))?;
            match received.signal {
                Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP | Signal::SIGQUIT => {
                    return Ok(received.signal as i32);
                }
                Signal::SIGTSTP => stop_this_process(),
                _ => {}
            }
        }
    }

    /// Opens a reader. Several of them share what arrives: each signal goes to one.
    pub(super) fn listen(&self) -> Result<SignalStream, KeeperError> {
        let doing = "read signals";
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let file = SignalFd::with_flags(&self.held, flags).map_err(KeeperError::refused(doing))?;
        let same = file.as_fd().try_clone_to_owned().map_err(KeeperError::system(doing))?;
        let ready = pipe::Receiver::from_owned_fd_unchecked(same).map_err(KeeperError::system(doing))?;
        Ok(SignalStream { file, ready })
    }
}

/// One signal, and where it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    pub(super) signal: Signal,
    /// The kernel sent it: a terminal, to its whole foreground group.
    pub(super) from_kernel: bool,
    /// Who sent it, if a process did.
    pub(super) sender: i32,
}

#[derive(Debug)]
pub(super) struct SignalStream {
    file: SignalFd,
    /// The same file, for its readiness alone: all that takes any other file, `AsyncFd`, can only be made by unsafe code.
    ready: pipe::Receiver,
}

impl SignalStream {
    /// Safe to cancel.
    pub(super) async fn next(&self) -> io::Result<Received> {
        loop {
            self.ready.readable().await?;
            let read = || self.file.read_signal()?.ok_or_else(|| io::ErrorKind::WouldBlock.into());
            match self.ready.try_io(read) {
                Ok(info) => {
                    if let Some(received) = Received::of(&info) {
                        return Ok(received);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns a signal that is already there.
    pub(super) fn try_next(&self) -> Option<Received> {
        self.file.read_signal().ok().flatten().as_ref().and_then(Received::of)
    }
}

impl Received {
    fn of(info: &siginfo) -> Option<Self> {
        let signal = Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()?;
        let sender = i32::try_from(info.ssi_pid).unwrap_or(0);
        Some(Self { signal, from_kernel: info.ssi_code == nix::libc::SI_KERNEL, sender })
    }
}

/// Stops this process as a whole; returns when it was continued.
pub(super) fn stop_this_process() {
    // Signalling oneself with STOP is always allowed.
    let _ = signal::kill(nix::unistd::Pid::this(), Signal::SIGSTOP);
}

/// Returns the signals this process inherited as ignored.
pub(super) fn ignored() -> io::Result<SigSet> {
    let status = std::fs::read("/proc/self/status")?;
    let status = String::from_utf8_lossy(&status);
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let mask =
        mask.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no SigIgn in /proc/self/status"))?;
    Ok(Signal::iterator().filter(|signal| mask >> (*signal as i32 - 1) & 1 == 1).collect())
}
