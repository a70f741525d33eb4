use super::{
    Cause, Ended, KeeperError, KeeperOrder, Signals, StopReason,
    ending::{Ending, KILL_BOUND},
    keep::{START_BOUND, ticks},
    processes::Process,
    signals::{Received, SignalStream, stop_this_process},
    start::{ASKING, PARTING_BOUND, bury, pid_of, start_keeper},
    wire::{Link, Order, ToKeeper, ToWrapper},
};
use crate::private_folder;
use axess_clock::Clock;
use chrono::{DateTime, Utc};
use nix::{
    sys::{
        prctl,
        signal::{self, Signal},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::{Pid, getpgrp},
};
use std::{ffi::OsString, io, path::PathBuf, pin::Pin, process::Child, sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Interval, Sleep, sleep, timeout},
};

/// How much longer than it needs a keeper may take to end everything before it is looked at.
const PATIENCE: Duration = Duration::from_secs(3);

/// The running command, as W has it.
///
/// ```no_run
/// # use audex_cli::keeper::{Keeper, KeeperError, KeeperOrder, Signals};
/// # async fn run(order: KeeperOrder, signals: Signals) -> Result<(), KeeperError> {
/// let clock = std::sync::Arc::new(axess_clock::SystemClock);
/// let mut keeper = Keeper::start(order, clock, &signals).await?;
/// let ended = keeper.wait().await;
/// // ... the end is recorded here ...
/// keeper.finish().await?;
/// std::process::exit(ended?.exit.code())
/// # }
/// ```
#[derive(Debug)]
pub struct Keeper {
    process: Child,
    link: Link,
    command: Pid,
    /// Whether the command is in this process's group.
    shares_group: bool,
    signals: SignalStream,
    clock: Arc<dyn Clock>,
    deadline: DateTime<Utc>,
    grace: Duration,
    folder: PathBuf,
    /// When the keeper was started, in ticks: older children of this process are not the session's.
    since: u64,
    ticks: Interval,
    /// Runs once the keeper was told to end the command.
    patience: Option<Pin<Box<Sleep>>>,
    /// Somebody asked this process to stop, which happens as soon as the command has.
    stopping: bool,
    /// Ends what a lost keeper left.
    clearing: Option<JoinHandle<Vec<i32>>>,
    ended: Option<Ended>,
}

impl Keeper {
    /// Starts a keeper and through it the command.
    ///
    /// The private folder belongs to the keeper from here on, which removes it; after an error it may still be there.
    ///
    /// # Errors
    /// [`KeeperError::NotFound`] and [`KeeperError::NotExecutable`] when there is nothing to run,
    /// [`KeeperError::DeadlinePassed`], [`KeeperError::TooLarge`] and [`KeeperError::Folder`] for an order that cannot
    /// be carried out, anything else when the keeper itself cannot work. No command runs after an error.
    pub async fn start(
        order: KeeperOrder,
        clock: Arc<dyn Clock>,
        signals: &Signals,
    ) -> Result<Self, KeeperError> {
        let now = clock.now();
        order.check(now)?;
        let program = order.command.first().cloned().unwrap_or_default();
        if order.has_nul() {
            return Err(KeeperError::NotExecutable { program, reason: "a word holds a NUL byte".to_owned() });
        }
        let folder = order.folder()?;
        prctl::set_child_subreaper(true).map_err(KeeperError::refused("become the reaper of orphans"))?;
        let signals = signals.listen()?;
        let (process, link) = start_keeper(&order, &folder).await?;
        let group = shared_group();
        let mut keeper = Self {
            since: Process::read(pid_of(&process)).map_or(0, |row| row.started),
            process,
            link,
            command: Pid::from_raw(0),
            shares_group: group.is_some(),
            signals,
            clock,
            deadline: order.deadline,
            grace: order.grace,
            folder,
            ticks: ticks(),
            patience: None,
            stopping: false,
            clearing: None,
            ended: None,
        };
        let remaining = (order.deadline - now).to_std().unwrap_or_default();
        let message = ToKeeper::Order(Box::new(Order::new(&order, remaining, group.map_or(0, Pid::as_raw))));
        drop(order);
        match keeper.hand_over(&message, program).await {
            Ok(command) => {
                keeper.command = command;
                keeper.forward_early_signals();
                Ok(keeper)
            }
            Err(error) => {
                if !matches!(error, KeeperError::NotFound { .. } | KeeperError::NotExecutable { .. }) {
                    // It may have started the command, or be about to.
                    keeper.lost().await;
                }
                // The reason to tell is the first one.
                let _ = keeper.finish().await;
                Err(error)
            }
        }
    }

    /// Returns the command's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.command.as_raw().unsigned_abs()
    }

    /// Waits for the end of the session, however it comes, and passes signals on meanwhile.
    ///
    /// When it returns, nothing of the command lives any more but for what [`Ended::left`] names. Safe to cancel and to
    /// call again; after the end it answers the same.
    ///
    /// # Errors
    /// [`KeeperError::Lost`] when the keeper was killed, after everything it kept was ended.
    pub async fn wait(&mut self) -> Result<Ended, KeeperError> {
        loop {
            if let Some(ended) = &self.ended {
                return Ok(ended.clone());
            }
            let patience = async {
                match &mut self.patience {
                    Some(patience) => patience.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = self.link.next() => match message {
                    Ok(Some(message)) => self.heard(message),
                    Ok(None) | Err(_) => return Err(self.lost().await),
                },
                received = self.signals.next() => match received {
                    Ok(received) => self.signalled(received),
                    Err(source) => return Err(KeeperError::System { doing: "read signals", source }),
                },
                () = patience => {
                    // One that is only slow, on a machine full of forks, finishes. One that was stopped does not.
                    if Process::read(pid_of(&self.process)).is_none_or(|row| row.is_stopped()) {
                        return Err(self.lost().await);
                    }
                    self.patience = Some(Box::pin(sleep(PATIENCE)));
                }
                _ = self.ticks.tick() => {
                    if self.clock.now() >= self.deadline {
                        self.end(Cause::Deadline);
                    }
                }
            }
        }
    }

    /// Asks for the end of the command: `TERM`, and after the grace `KILL`.
    ///
    /// [`wait`](Self::wait) tells when it is over.
    /// The first reason counts, and a command that ended meanwhile ended by itself.
    pub fn stop(&mut self, why: StopReason) {
        self.end(Cause::Stopped(why));
    }

    /// Parts from the keeper, once the end is recorded; it removes the private folder and exits.
    ///
    /// A keeper that is dropped instead thinks its wrapper was killed, and ends what there is; the record is left to this
    /// process as long as it lives.
    ///
    /// # Errors
    /// [`KeeperError::System`] when the private folder is still there.
    pub async fn finish(mut self) -> Result<(), KeeperError> {
        let parting = async {
            self.link.send(&ToKeeper::Goodbye)?;
            self.link.flush().await?;
            while self.link.next::<ToWrapper>().await?.is_some() {}
            Ok::<(), io::Error>(())
        };
        // A keeper that is not there any more cannot be parted from.
        let _ = timeout(PARTING_BOUND, parting).await;
        bury(&mut self.process).await;
        private_folder::remove(&self.folder).map_err(|error| KeeperError::System {
            doing: "remove the private folder",
            source: io::Error::other(error),
        })
    }

    /// Sends the order; returns the command's id.
    async fn hand_over(&mut self, order: &ToKeeper, program: OsString) -> Result<Pid, KeeperError> {
        let doing = "be given its order";
        self.link.send(order).map_err(KeeperError::system(doing))?;
        match timeout(START_BOUND, self.link.next()).await {
            Ok(Ok(Some(ToWrapper::Started { pid }))) => Ok(Pid::from_raw(pid)),
            Ok(Ok(Some(ToWrapper::NotFound))) => Err(KeeperError::NotFound { program }),
            Ok(Ok(Some(ToWrapper::NotExecutable(reason)))) => {
                Err(KeeperError::NotExecutable { program, reason })
            }
            Ok(Ok(Some(_))) => Err(KeeperError::NotKept("it spoke out of turn".to_owned())),
            Ok(Ok(None)) => Err(KeeperError::NotKept("it was killed".to_owned())),
            Ok(Err(source)) => Err(KeeperError::System { doing, source }),
            Err(_) => Err(KeeperError::NotKept("it does not answer".to_owned())),
        }
    }

    /// A Ctrl-C that came before the command was there has reached nobody.
    fn forward_early_signals(&mut self) {
        while let Some(received) = self.signals.try_next() {
            self.say(&ToKeeper::Forward(received.signal as i32));
        }
    }

    fn heard(&mut self, message: ToWrapper) {
        match message {
            ToWrapper::Ended(ended) => self.ended = Some(ended),
            ToWrapper::Stopped => self.command_stopped(),
            ToWrapper::Started { .. } | ToWrapper::NotFound | ToWrapper::NotExecutable(_) => {}
        }
    }

    fn signalled(&mut self, received: Received) {
        // The keeper wakes us, or we the whole group; the command is awake already.
        let wakers = [pid_of(&self.process), Pid::this()];
        if received.signal == Signal::SIGCONT && wakers.iter().any(|waker| waker.as_raw() == received.sender)
        {
            return;
        }
        if !(self.shares_group && received.from_kernel) {
            self.say(&ToKeeper::Forward(received.signal as i32));
            self.stopping = received.signal == Signal::SIGTSTP;
        } else if received.signal == Signal::SIGTSTP && !somebody_continues_us() {
            // The kernel stops no group that nobody could continue; the keeper's presence hides from it that ours is one.
            let _ = signal::killpg(getpgrp(), Signal::SIGCONT);
        }
    }

    /// Stops with the command, so that the shell sees the job stop as a whole.
    fn command_stopped(&mut self) {
        let with_it = (self.shares_group && somebody_continues_us()) || std::mem::take(&mut self.stopping);
        if with_it && Process::read(self.command).is_some_and(|row| row.is_stopped()) {
            stop_this_process();
        }
    }

    fn end(&mut self, cause: Cause) {
        if self.patience.is_none() {
            self.say(&ToKeeper::End(cause));
            self.patience = Some(Box::pin(sleep(self.grace + KILL_BOUND + PATIENCE)));
        }
    }

    /// Queues a message. That the keeper is gone shows when it is waited for.
    fn say(&mut self, message: &ToKeeper) {
        let _ = self.link.send(message);
    }

    /// Ends what a lost keeper left. A task of its own goes on with it when the caller stops waiting in between.
    async fn lost(&mut self) -> KeeperError {
        // First it has to be dead: only then are its children ours.
        let _ = self.process.kill();
        let keeper = pid_of(&self.process);
        let group = Some(self.command).filter(|command| !self.shares_group && command.as_raw() > 0);
        let ending = Ending { root: Pid::this(), since: self.since, group, grace: self.grace };
        let clearing = self.clearing.get_or_insert_with(|| tokio::spawn(clear(keeper, ending)));
        // It cannot be awaited twice, and it does not panic.
        let left = clearing.await.unwrap_or_default();
        self.clearing = None;
        KeeperError::Lost { left }
    }
}

/// Ends what descends from this process, once the keeper is dead.
async fn clear(keeper: Pid, ending: Ending) -> Vec<i32> {
    while Process::read(keeper).is_some_and(|row| !row.is_dead()) {
        sleep(ASKING).await;
    }
    let mut empty = 0;
    let rounds = ending.run(|found| {
        let ours = found.iter().filter(|one| one.is_dead() && one.parent == ending.root && one.pid != keeper);
        for dead in ours {
            let _ = waitpid(dead.pid, Some(WaitPidFlag::WNOHANG));
        }
        // One look can miss a process that forks and exits during it.
        empty = if found.iter().all(Process::is_dead) { empty + 1 } else { 0 };
        empty >= 2
    });
    rounds.await
}

/// Returns this process's group if the command belongs in it: there is a terminal, and a shell that minds the job.
fn shared_group() -> Option<Pid> {
    let has_terminal = Process::read(Pid::this()).is_some_and(|row| row.terminal != 0);
    Some(getpgrp()).filter(|_| has_terminal)
}

/// Says whether an ancestor of this session is outside the group: a shell that would continue a stopped job.
fn somebody_continues_us() -> bool {
    let Some(me) = Process::read(Pid::this()) else { return false };
    let mut next = me.parent;
    while let Some(ancestor) = Process::read(next).filter(|ancestor| ancestor.session == me.session) {
        if ancestor.group != me.group {
            return true;
        }
        next = ancestor.parent;
    }
    false
}
