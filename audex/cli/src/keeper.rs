//! The process wrapper: a command lives exactly as long as its session, whatever happens to whom.
//!
//! Does not know about: what a credential is, how one is minted, what a session record looks like.
//!
//! The life of a session, with W the process the user started and K, the keeper, a second one:
//!
//! 1. W holds its signals ([`Signals::hold`]), decides, mints and records. Nothing runs yet.
//! 2. W listens on a socket in the session's private folder and starts K: the same program again, with an empty
//!    environment and the folder as its only argument. Each checks through `SO_PEERCRED` that the other end is the
//!    very process it is related to: W that the peer is the child it started, K that it is its parent. No secret could
//!    say more than the kernel does here.
//! 3. W sends the order: command, complete environment, deadline. Secrets travel here and nowhere else.
//! 4. K becomes the reaper of orphans and starts the command, with default dispositions, no blocked signal, and every
//!    descriptor the caller of W left open. It tells W the process id, or why there is none.
//! 5. The command runs. W forwards the signals it gets and stops and continues together with the command; K watches the
//!    deadline on two clocks, wall and monotonic, and believes the one that says it first.
//! 6. The session ends because the command did, because the deadline passed, or because W says so (revoked, over
//!    budget, provider gone).
//! 7. K ends what is left: `TERM` and `CONT` to everything that descends from it, after the grace `KILL`, until nothing
//!    is left. A daemon that forked twice and opened a session of its own is K's child by then and is found. What the
//!    kernel will not let die (a process in uninterruptible sleep, one of another user) is named in [`Ended::left`].
//! 8. K tells W how the command ended; W records it and says goodbye ([`Keeper::finish`]).
//! 9. K removes the private folder and exits; W exits with the command's code.
//!
//! When somebody is missing:
//!
//! - W vanishes (`kill -9`): K sees the socket close without a goodbye and claims at once what W held, so that nobody else
//!   closes the record while the command lives. It does step 7, removes the folder and calls back with what it knows of the
//!   session, so that its record can be closed.
//! - K vanishes: W is a reaper of orphans too and does step 7 itself; [`Keeper::wait`] says
//!   [`KeeperError::Lost`]. A K that was stopped and does not answer after the deadline is killed by W first.
//! - The command vanishes: that is step 6.
//!
//! # Process groups
//!
//! K is always alone in a group of its own, so that neither a terminal nor `kill -9 %1` reaches it. With a controlling
//! terminal the command shares W's group, which is the job the user's shell knows: Ctrl-C, Ctrl-Z, `fg`, `bg` and `| less`
//! are the shell's and the kernel's business as if W were not there. What the kernel sent to the group has reached the
//! command already and is not forwarded; what a process sent to W is. Without a terminal the command leads a group of
//! its own, and everything W gets is forwarded to that group.
//!
//! # No terminal of our own
//!
//! The command inherits standard input, output and error as they are. A pseudo-terminal between would have to copy
//! every byte, would turn pipes into terminals and merge two streams into one, would leave the command without a
//! terminal when W is stopped or killed, and would bring job control of a second kind, all to watch a stream that
//! nobody asked to be watched. Inheriting costs nothing and cannot be told from running without us.
//!
//! What a program cannot pass on without unsafe code: descriptors 0 to 2 that were closed are `/dev/null` for the
//! command, since the runtime opened it before `main`; and `SIGPIPE` has its default disposition even if the caller
//! had it ignored.

mod ending;
mod error;
mod keep;
mod kept;
mod launch;
mod order;
mod outcome;
mod parting;
mod processes;
mod signals;
mod start;
mod wire;
mod wrapper;

pub use error::KeeperError;
pub use keep::{Abandoned, KeptSession, keep};
pub use order::KeeperOrder;
pub use outcome::{Cause, Ended, Exit, StopReason};
pub use signals::Signals;
pub use wrapper::Keeper;
