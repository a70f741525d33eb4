use super::{
    Cause, Ended, Exit, KeeperError,
    kept::{Change, Kept},
    launch::{self, Failure},
    parting::{Parting, part},
    signals,
    wire::{Link, Order, ToKeeper, ToWrapper},
};
use crate::private_folder;
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

/// Names a session to whoever closes its record.
///
/// ```
/// use audex_cli::keeper::KeptSession;
/// let session = KeptSession { session_id: "1".to_owned(), data_dir: "/data".into(), audit_dir: "/log".into() };
/// assert_eq!(session.clone(), session);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSession {
    /// Which session.
    pub session_id: String,
    /// Where its record is.
    pub data_dir: PathBuf,
    /// Where the audit log is.
    pub audit_dir: PathBuf,
}

/// Tells of a session whose wrapper vanished.
///
/// Everything it ran has been ended.
///
/// ```
/// use audex_cli::keeper::{Abandoned, KeptSession};
/// let session = KeptSession { session_id: "1".to_owned(), data_dir: "/data".into(), audit_dir: "/log".into() };
/// let abandoned = Abandoned { session, ended: None, is_cut_short: false };
/// assert!(abandoned.ended.is_none(), "there never was a command");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abandoned {
    /// Which session.
    pub session: KeptSession,
    /// How the command ended; none if it never started.
    pub ended: Option<Ended>,
    /// Whether the command was ended because the wrapper vanished; then its cause is [`Cause::Own`].
    pub is_cut_short: bool,
}

/// Is the keeper: the whole of the hidden command, given the private folder it was started with.
///
/// Must be called before the process has a second thread. When W vanished, `claim` is called at once, and again until it
/// returns what W has let go of. `on_abandoned` gets that and is called last, after everything was ended and the folder
/// removed. Where nothing can be claimed for two seconds somebody else has the session, and closes its record. Returns 0, or
/// 70 when there was nobody to keep for.
///
/// Run by hand it does nothing: the process that listens in the folder has to be its parent.
///
/// ```
/// use std::{path::Path, process::ExitCode, sync::Arc};
/// let clock = Arc::new(axess_clock::SystemClock);
/// let code = audex_cli::keeper::keep(Path::new("/nowhere"), clock, |_| Some(()), |_, ()| unreachable!());
/// assert_eq!(code, ExitCode::from(70));
/// ```
#[must_use]
pub fn keep<C>(
    folder: &Path,
    clock: Arc<dyn Clock>,
    claim: impl FnMut(&KeptSession) -> Option<C>,
    on_abandoned: impl FnOnce(&Abandoned, C),
) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(KeeperError::system("start"));
    match runtime.and_then(|runtime| runtime.block_on(keep_session(folder, clock, claim))) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some((abandoned, claimed))) => {
            on_abandoned(&abandoned, claimed);
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

async fn keep_session<C>(
    folder: &Path,
    clock: Arc<dyn Clock>,
    claim: impl FnMut(&KeptSession) -> Option<C>,
) -> Result<Option<(Abandoned, C)>, KeeperError> {
    outlive()?;
    let deaths =
        tokio::signal::unix::signal(SignalKind::child()).map_err(KeeperError::system("watch children"))?;
    prctl::set_child_subreaper(true).map_err(KeeperError::refused("become the reaper of orphans"))?;
    let wrapper = getppid();
    // As long as it is held nobody takes the folder for a leftover, even when W is gone.
    let held = private_folder::hold(folder).map_err(KeeperError::system("hold the private folder"))?;
    let mut link = connect(&held, wrapper)?;
    let abandoned = match order(&mut link).await {
        Ok(order) => Ok(carry_out(order, link, deaths, (wrapper, &*clock), claim).await),
        Err(error) => Err(error),
    };
    // What is in it is ours alone, and what cannot be removed is found by the next cleaning.
    let _ = private_folder::remove(folder);
    abandoned
}

async fn order(link: &mut Link) -> Result<Order, KeeperError> {
    match tokio::time::timeout(START_BOUND, link.next()).await {
        Ok(Ok(Some(ToKeeper::Order(order)))) => Ok(*order),
        Ok(Err(error)) => Err(KeeperError::System { doing: "read its order", source: error }),
        Ok(Ok(_)) | Err(_) => Err(KeeperError::NotKept("no order came".to_owned())),
    }
}

/// Keeps the session to its end; returns what is known of it when W vanished, and what was claimed then.
async fn carry_out<C>(
    order: Order,
    mut link: Link,
    mut deaths: tokio::signal::unix::Signal,
    (wrapper, clock): (Pid, &dyn Clock),
    mut claim: impl FnMut(&KeptSession) -> Option<C>,
) -> Option<(Abandoned, C)> {
    let mut abandoned = Abandoned { session: order.session(), ended: None, is_cut_short: false };
    let named = abandoned.session.clone();
    let claim = || claim(&named);
    let Some((kept, terms)) = start(order, &mut link) else {
        let claimed = part(&mut link, claim).await.claimed()?;
        return Some((abandoned, claimed));
    };
    let mut session = Session { kept, link, wrapper, waking: 0 };
    let until = session.until_it_ends(&mut deaths, &terms, clock).await;
    // A command that was faster than the reason to end it ended by itself.
    session.kept.bury();
    let has_ended = session.kept.exit().is_some();
    abandoned.is_cut_short = until == Until::Vanished && !has_ended;
    let cause = match until {
        Until::Ends(cause) if !has_ended => cause,
        _ => Cause::Own,
    };
    let parted = if until == Until::Parted { Some(Parting::Goodbye) } else { None };
    let (ended, parting) = session.end(cause, terms.grace, parted, claim).await;
    abandoned.ended = Some(ended);
    Some((abandoned, parting.claimed()?))
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

fn connect(folder: &File, wrapper: Pid) -> Result<Link, KeeperError> {
    let doing = "reach the process that started it";
    // Through the descriptor the path is short, whatever the folder is called.
    let path = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd());
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
    let launched = launch::launch(&order.command, &order.env, Pid::from_raw(order.group));
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

/// Why the command is not let run on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Ends(Cause),
    /// W said goodbye.
    Parted,
    Vanished,
}

impl Session {
    async fn until_it_ends(
        &mut self,
        deaths: &mut tokio::signal::unix::Signal,
        terms: &Terms,
        clock: &dyn Clock,
    ) -> Until {
        let mut monotonic = std::pin::pin!(tokio::time::sleep(terms.remaining));
        let mut ticks = ticks();
        loop {
            tokio::select! {
                message = self.link.next() => match message {
                    Ok(Some(ToKeeper::Forward(signal))) => self.kept.forward(signal),
                    Ok(Some(ToKeeper::End(cause))) => return Until::Ends(cause),
                    Ok(Some(ToKeeper::Order(_))) => {}
                    Ok(Some(ToKeeper::Goodbye)) => return Until::Parted,
                    // Whatever the reason: nobody is there any more to whom the command matters.
                    Ok(None) | Err(_) => return Until::Vanished,
                },
                _ = deaths.recv() => {}
                () = &mut monotonic => return Until::Ends(Cause::Deadline),
                _ = ticks.tick() => {
                    if clock.now() >= terms.deadline {
                        return Until::Ends(Cause::Deadline);
                    }
                    if self.waking > 0 {
                        self.waking -= 1;
                        self.wake_wrapper();
                    }
                }
            }
            self.kept.bury();
            if self.kept.exit().is_some() {
                return Until::Ends(Cause::Own);
            }
            self.tell_changes();
        }
    }

    /// Ends what is left and tells W, unless it goes meanwhile; what it leaves is claimed at once.
    async fn end<C>(
        mut self,
        cause: Cause,
        grace: Duration,
        mut parting: Option<Parting<C>>,
        mut claim: impl FnMut() -> Option<C>,
    ) -> (Ended, Parting<C>) {
        let left = {
            let mut parted = std::pin::pin!(part(&mut self.link, &mut claim));
            let mut ending = std::pin::pin!(self.kept.end(grace));
            loop {
                tokio::select! {
                    left = &mut ending => break left,
                    how = &mut parted, if parting.is_none() => parting = Some(how),
                }
            }
        };
        let exit = self.kept.exit().unwrap_or(Exit::Signal(Signal::SIGKILL as i32));
        let ended = Ended { exit, cause, left };
        say(&mut self.link, &ToWrapper::Ended(ended.clone()));
        // W may have stopped with the command and has a result to fetch.
        self.wake_wrapper();
        let parting = match parting {
            Some(parting) => parting,
            None => part(&mut self.link, claim).await,
        };
        (ended, parting)
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

pub(super) fn ticks() -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
