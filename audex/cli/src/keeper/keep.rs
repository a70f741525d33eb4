use super::{
    Cause, Ended, Exit, KeeperError,
    kept::{Change, Kept},
    launch::{self, Failure},
    signals,
    wire::{Link, Order, ToKeeper, ToWrapper},
};
use axess_clock::Clock;
use nix::{
    sys::{
        prctl,
        signal::{self, SigSet, Signal},
    },
    unistd::{Pid, geteuid, getppid},
};
use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::{net::UnixStream, signal::unix::SignalKind, time::MissedTickBehavior};

/// The name of the socket in the private folder.
pub(super) const SOCKET: &str = "keeper";
/// How often the wall clock is read.
pub(super) const TICK: Duration = Duration::from_millis(250);
/// How long the other end may take to answer at the beginning.
pub(super) const START_BOUND: Duration = Duration::from_secs(30);
/// How many ticks W is woken after the command was continued: it may be just about to stop.
const WAKING_TICKS: u8 = 4;
/// What a bug is called among the exit codes.
const EXIT_BUG: u8 = 70;

/// What would end or stop K, and must not: it outlives everybody.
const OUTLIVED: [Signal; 13] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGXCPU,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
];

/// Tells of a session whose wrapper vanished.
///
/// Everything it ran has been ended. A command that was ended because of that has [`Cause::Own`].
///
/// ```
/// use audex_cli::keeper::Abandoned;
/// let abandoned = Abandoned { session_id: "1".to_owned(), data_dir: "/data".into(), audit_dir: "/log".into(), ended: None };
/// assert!(abandoned.ended.is_none(), "there never was a command");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abandoned {
    /// Which session.
    pub session_id: String,
    /// Where its record is.
    pub data_dir: PathBuf,
    /// Where the audit log is.
    pub audit_dir: PathBuf,
    /// How the command ended; none if it never started.
    pub ended: Option<Ended>,
}

/// Is the keeper: the whole of the hidden command, given the private folder it was started with.
///
/// Must be called before the process has a second thread. When W vanished, `on_abandoned` is called last, after
/// everything was ended and the folder removed. Returns 0, or 70 when there was nobody to keep for.
///
/// Run by hand it does nothing: the process that listens in the folder has to be its parent.
///
/// ```
/// use std::{path::Path, process::ExitCode, sync::Arc};
/// let clock = Arc::new(axess_clock::SystemClock);
/// let code = audex_cli::keeper::keep(Path::new("/nowhere"), clock, |_| unreachable!());
/// assert_eq!(code, ExitCode::from(70));
/// ```
#[must_use]
pub fn keep(folder: &Path, clock: Arc<dyn Clock>, on_abandoned: impl FnOnce(&Abandoned)) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(KeeperError::system("start"));
    match runtime.and_then(|runtime| runtime.block_on(keep_session(folder, clock))) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(abandoned)) => {
            on_abandoned(&abandoned);
            ExitCode::SUCCESS
        }
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            // With standard error closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "tryaudex: {error}{cause}");
            ExitCode::from(EXIT_BUG)
        }
    }
}

async fn keep_session(folder: &Path, clock: Arc<dyn Clock>) -> Result<Option<Abandoned>, KeeperError> {
    outlive()?;
    let mut deaths =
        tokio::signal::unix::signal(SignalKind::child()).map_err(KeeperError::system("watch children"))?;
    prctl::set_child_subreaper(true).map_err(KeeperError::refused("become the reaper of orphans"))?;
    let wrapper = getppid();
    let mut link = connect(folder, wrapper)?;
    let order = match tokio::time::timeout(START_BOUND, link.next()).await {
        Ok(Ok(Some(ToKeeper::Order(order)))) => *order,
        Ok(Err(error)) => return Err(KeeperError::System { doing: "read its order", source: error }),
        Ok(Ok(_)) | Err(_) => return Err(KeeperError::NotKept("no order came".to_owned())),
    };
    let mut abandoned = Abandoned {
        session_id: order.session_id.clone(),
        data_dir: order.data_dir(),
        audit_dir: order.audit_dir(),
        ended: None,
    };
    let started = start(order, &mut link);
    if let Some((kept, terms)) = started {
        let mut session = Session { kept, link, wrapper, waking: 0 };
        let cause = session.until_it_ends(&mut deaths, &terms, &*clock).await;
        let ended = session.end(cause, terms.grace).await;
        abandoned.ended = Some(ended);
        link = session.link;
    }
    let parted = has_parted(&mut link).await;
    // What is in it is ours alone, and what cannot be removed is found by the next cleaning.
    let _ = std::fs::remove_dir_all(folder);
    Ok(Some(abandoned).filter(|_| !parted))
}

/// Takes every signal that would end K, and lets all of them through to the command.
fn outlive() -> Result<(), KeeperError> {
    let ignored = signals::ignored().map_err(KeeperError::system("read /proc"))?;
    for signal in OUTLIVED.into_iter().filter(|signal| !ignored.contains(*signal)) {
        // The handler stays when the stream is dropped. The command gets the default back, as with any handler.
        let _ = tokio::signal::unix::signal(SignalKind::from_raw(signal as i32))
            .map_err(KeeperError::system("take signals"))?;
    }
    // W holds signals, and a mask is inherited.
    SigSet::empty().thread_set_mask().map_err(KeeperError::refused("take signals"))
}

fn connect(folder: &Path, wrapper: Pid) -> Result<Link, KeeperError> {
    let doing = "reach the process that started it";
    let open = File::open(folder).map_err(KeeperError::system(doing))?;
    // Through the descriptor the path is short, whatever the folder is called.
    let path = format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd());
    let stream = std::os::unix::net::UnixStream::connect(path).map_err(KeeperError::system(doing))?;
    stream.set_nonblocking(true).map_err(KeeperError::system(doing))?;
    let stream = UnixStream::from_std(stream).map_err(KeeperError::system(doing))?;
    if is_peer(&stream, wrapper).map_err(KeeperError::system(doing))? {
        Ok(Link::new(stream))
    } else {
        Err(KeeperError::NotKept("it was not started by the process that listens".to_owned()))
    }
}

/// Says whether the other end is that very process, and ours.
pub(super) fn is_peer(stream: &UnixStream, expected: Pid) -> io::Result<bool> {
    let peer = stream.peer_cred()?;
    Ok(peer.pid() == Some(expected.as_raw()) && peer.uid() == geteuid().as_raw())
}

/// What of the order outlives the start. The environment does not.
struct Terms {
    deadline: chrono::DateTime<chrono::Utc>,
    remaining: Duration,
    grace: Duration,
}

fn start(order: Order, link: &mut Link) -> Option<(Kept, Terms)> {
    let terms = Terms { deadline: order.deadline, remaining: order.remaining, grace: order.grace };
    let command: Vec<_> = order.command.into_iter().map(|word| word.0).collect();
    let env: Vec<_> = order.env.into_iter().map(|(name, value)| (name.0, value.0)).collect();
    let launched = launch::launch(&command, &env, Pid::from_raw(order.group));
    // From here on K may write to a terminal that is in the foreground of others.
    let background: SigSet = [Signal::SIGTTOU, Signal::SIGTTIN].into_iter().collect();
    let _ = background.thread_block();
    let (kept, answer) = match launched {
        Ok(child) => {
            let kept = Kept::new(child, order.group != 0);
            let pid = kept.pid().as_raw();
            (Some((kept, terms)), ToWrapper::Started { pid })
        }
        Err(Failure::NotFound) => (None, ToWrapper::NotFound),
        Err(Failure::NotExecutable(reason)) => (None, ToWrapper::NotExecutable(reason)),
    };
    say(link, &answer);
    kept
}

/// Queues a message. One that cannot be written is no reason to leave a command alone.
fn say(link: &mut Link, message: &ToWrapper) {
    let _ = link.send(message);
}

struct Session {
    kept: Kept,
    link: Link,
    wrapper: Pid,
    waking: u8,
}

impl Session {
    async fn until_it_ends(
        &mut self,
        deaths: &mut tokio::signal::unix::Signal,
        terms: &Terms,
        clock: &dyn Clock,
    ) -> Cause {
        let mut monotonic = std::pin::pin!(tokio::time::sleep(terms.remaining));
        let mut ticks = ticks();
        loop {
            tokio::select! {
                message = self.link.next() => match message {
                    Ok(Some(ToKeeper::Forward(signal))) => self.kept.forward(signal),
                    Ok(Some(ToKeeper::End(cause))) => return cause,
                    Ok(Some(ToKeeper::Order(_))) => {}
                    // Whatever the reason: nobody is there any more to whom the command matters.
                    Ok(Some(ToKeeper::Goodbye) | None) | Err(_) => return Cause::Own,
                },
                _ = deaths.recv() => {}
                () = &mut monotonic => return Cause::Deadline,
                _ = ticks.tick() => {
                    if clock.now() >= terms.deadline {
                        return Cause::Deadline;
                    }
                    if self.waking > 0 {
                        self.waking -= 1;
                        self.wake_wrapper();
                    }
                }
            }
            self.kept.bury();
            if self.kept.exit().is_some() {
                return Cause::Own;
            }
            self.tell_changes();
        }
    }

    async fn end(&mut self, cause: Cause, grace: Duration) -> Ended {
        // A command that was faster than the reason to end it ended by itself.
        self.kept.bury();
        let cause = if self.kept.exit().is_some() { Cause::Own } else { cause };
        let left = self.kept.end(grace).await;
        let exit = self.kept.exit().unwrap_or(Exit::Signal(Signal::SIGKILL as i32));
        let ended = Ended { exit, cause, left };
        say(&mut self.link, &ToWrapper::Ended(ended.clone()));
        // W may have stopped with the command and has a result to fetch.
        self.wake_wrapper();
        ended
    }

    fn tell_changes(&mut self) {
        while let Some(change) = self.kept.change() {
            match change {
                Change::Stopped => {
                    self.waking = 0;
                    say(&mut self.link, &ToWrapper::Stopped);
                }
                Change::Continued => {
                    self.waking = WAKING_TICKS;
                    self.wake_wrapper();
                }
            }
        }
    }

    fn wake_wrapper(&self) {
        if getppid() == self.wrapper {
            let _ = signal::kill(self.wrapper, Signal::SIGCONT);
        }
    }
}

/// Waits until W is gone; says whether it said goodbye.
async fn has_parted(link: &mut Link) -> bool {
    loop {
        match link.next().await {
            Ok(Some(ToKeeper::Goodbye)) => return true,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return false,
        }
    }
}

pub(super) fn ticks() -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
