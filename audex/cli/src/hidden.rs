//! What the program is started as by itself: the keeper of a session, and what a command's SDK asks for credentials.

use crate::{
    deliver::process,
    exit::Exit,
    keeper::{Abandoned, KeeperOrder, keep},
};
use audex_core::{
    audit::LogTrail,
    reconcile_one,
    session::{SessionFolder, SessionId},
};
use axess_clock::Clock;
use axess_rng::SecureRng;
use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

/// Does what a hidden command says; nothing where the arguments are no hidden command.
///
/// ```
/// use std::sync::Arc;
/// let (clock, rng) = (Arc::new(axess_clock::SystemClock), Arc::new(axess_rng::SystemRng));
/// assert!(audex_cli::hidden::start(&["tryaudex".into(), "run".into()], clock, rng).is_none());
/// ```
pub fn start(arguments: &[OsString], clock: Arc<dyn Clock>, rng: Arc<dyn SecureRng>) -> Option<ExitCode> {
    let [_, command, folder] = arguments else { return None };
    match command.to_str()? {
        KeeperOrder::SUBCOMMAND => {
            let folder = Path::new(folder);
            Some(keep(folder, Arc::clone(&clock), |abandoned| close(abandoned, clock, rng)))
        }
        process::SUBCOMMAND => Some(match process::ask(Path::new(folder), &mut io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // The SDK shows this to whoever runs the command.
                let _ = writeln!(io::stderr(), "tryaudex: {}", crate::exit::with_causes(&error));
                ExitCode::from(Exit::Provider.code())
            }
        }),
        _ => None,
    }
}

/// Closes the record of a session whose wrapper was killed.
///
/// Where that does not work, the next command of ours does it: the record says that the session is active, and nobody
/// holds it.
fn close(abandoned: &Abandoned, clock: Arc<dyn Clock>, rng: Arc<dyn SecureRng>) {
    let data = &abandoned.data_dir;
    let (Ok(id), Ok(sessions)) = (abandoned.session_id.parse::<SessionId>(), SessionFolder::open(data))
    else {
        return;
    };
    let now = clock.now();
    if let Ok(trail) = LogTrail::open(&abandoned.audit_dir, &data.join("keys"), clock, rng) {
        let _ = reconcile_one(&sessions, &trail, id, now);
        let _ = trail.close();
    }
}
