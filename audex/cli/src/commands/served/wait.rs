//! Asking a server, and waiting until somebody decided.

use super::ServedArgs;
use crate::{
    commands::Invocation,
    exit::{Exit, Failure},
    keeper::Signals,
    output::printable,
    remote::{Asked, Granted, Polled, Remote, RemoteError, RemoteSession, Standing},
    session::given_up,
};
use audex_core::{IssueRequest, session::SessionId};
use audex_server::model::Ask;
use axess_rng::random_array;
use http::StatusCode;
use std::time::Duration;

/// How long a server may be away while its decision is waited for: long enough to be started again.
const AWAY: (u32, Duration) = (40, Duration::from_millis(1_500));

/// How long is waited between two questions at least, where a server does not wait.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a session is ended that is only just beginning, and how long is waited in between.
const ENDINGS: (u32, Duration) = (4, Duration::from_millis(500));

/// What a server decided, before anything happens here.
pub(super) struct Decided {
    pub(super) remote: Remote,
    pub(super) granted: Granted,
    pub(super) session: RemoteSession,
}

/// How waiting for a server ended.
pub(super) enum Obtained {
    /// With a credential.
    Decided(Box<Decided>),
    /// Somebody pressed Ctrl-C; this is the code to leave with.
    GivenUp(u8),
}

impl ServedArgs {
    /// Asks the server, and waits until it is decided.
    ///
    /// Ctrl-C takes the request back.
    pub(super) async fn obtain(
        &self,
        invocation: &Invocation,
        remote: Remote,
        request: Option<&IssueRequest>,
        signals: &Signals,
    ) -> Result<Obtained, Failure> {
        let standing = match (self.request, request) {
            (Some(id), _) => Standing::of(id),
            (None, Some(request)) => {
                let key: String =
                    random_array::<16>(&*invocation.rng).iter().map(|byte| format!("{byte:02x}")).collect();
                let ask = self.team.ask(request);
                let asked = tokio::select! {
                    asked = remote.ask(&ask, &key) => asked?,
                    // The question may be under way: what comes of it is ended under the same key.
                    signal = signals.interruption() => {
                        let code = given_up(invocation, signal)?;
                        take_back(&remote, &ask, &key).await;
                        return Ok(Obtained::GivenUp(code));
                    }
                };
                match asked {
                    Asked::Granted(granted) => return Self::decided(remote, granted).await,
                    Asked::Waits(standing) => standing,
                }
            }
            (None, None) => return Err(Failure::new(Exit::Usage, "nothing is asked for")),
        };
        self.tell(invocation, &standing)?;
        let id = standing.session_id;
        let patience = async {
            match self.team.wait {
                Some(wait) => tokio::time::sleep(Duration::from_secs(wait.seconds().into())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            granted = wait(invocation, &remote, id, self.team.no_wait) => Self::decided(remote.clone(), granted?).await,
            () = patience => Err(still_waits(id)),
            signal = signals.interruption() => {
                let code = given_up(invocation, signal)?;
                give_up(invocation, &remote, id).await;
                Ok(Obtained::GivenUp(code))
            }
        }
    }

    /// Says who has to agree, and where; or that this is not waited for.
    fn tell(&self, invocation: &Invocation, standing: &Standing) -> Result<(), Failure> {
        let id = standing.session_id;
        if let Some(approval) = &standing.approval {
            let url = approval.url.as_deref().map(|url| format!(": {}", printable(url))).unwrap_or_default();
            let needed = printable(&approval.to_string());
            invocation.output.note(format_args!("request {} needs {needed}{url}", id.short()));
        }
        if self.request.is_none() {
            if self.team.no_wait {
                return Err(still_waits(id));
            }
            invocation.output.note("waiting; Ctrl-C takes the request back");
        }
        Ok(())
    }

    async fn decided(remote: Remote, granted: Granted) -> Result<Obtained, Failure> {
        let session = match remote.session(granted.session_id).await {
            Ok(session) => session,
            Err(error) => {
                let _ = remote.revoke(granted.session_id, "it could not be used").await;
                return Err(error.into());
            }
        };
        Ok(Obtained::Decided(Box::new(Decided { remote, granted, session })))
    }
}

/// Ends what came of a question whose answer nobody waited for.
async fn take_back(remote: &Remote, ask: &Ask, key: &str) {
    match remote.ask(ask, key).await {
        Ok(Asked::Granted(granted)) => drop(remote.revoke(granted.session_id, "it was given up").await),
        Ok(Asked::Waits(standing)) => drop(remote.withdraw(standing.session_id).await),
        // It never came there, or expires by itself.
        Err(_) => {}
    }
}

/// Takes a request back; where it was just decided, ends what came of it.
async fn give_up(invocation: &Invocation, remote: &Remote, id: SessionId) {
    let (output, short) = (&invocation.output, id.short());
    match remote.withdraw(id).await {
        Ok(()) => output.note(format_args!("request {short} was taken back")),
        Err(error) if error.is("already_decided") => match end(remote, id).await {
            Ok(()) => output.note(format_args!("request {short} was just approved; its session was ended")),
            Err(error) => output
                .warn(format_args!("request {short} is decided, and no session of it was ended: {error}")),
        },
        Err(error) => output.warn(format_args!("request {short} stands: {error}")),
    }
}

/// Ends a session, which may not be there quite yet: the question that makes it is under way.
async fn end(remote: &Remote, id: SessionId) -> Result<(), RemoteError> {
    let (mut left, pause) = ENDINGS;
    loop {
        left -= 1;
        match remote.revoke(id, "it was given up").await {
            Ok(_) => return Ok(()),
            Err(RemoteError::Refused { status: StatusCode::NOT_FOUND | StatusCode::CONFLICT, .. })
                if left > 0 =>
            {
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn still_waits(id: SessionId) -> Failure {
    Failure::new(Exit::ApprovalNeeded, format!("request {id} waits for its approval"))
        .with_help(format!("once it is approved: --server --request {id}"))
}

/// Waits for a decision. A server that is away for a moment, as when it is started again, is waited for as well.
///
/// Who wants to know at once is told at once.
async fn wait(
    invocation: &Invocation,
    remote: &Remote,
    id: SessionId,
    is_once: bool,
) -> Result<Granted, Failure> {
    let mut away = 0;
    loop {
        // Counted from here: a server that waited itself is asked again at once.
        let pause = tokio::time::sleep(PAUSE);
        let polled = if is_once { remote.look(id).await } else { remote.wait(id).await };
        match polled {
            Ok(Polled::Granted(granted)) => return Ok(granted),
            Ok(Polled::Waits(_)) if is_once => return Err(still_waits(id)),
            Ok(Polled::Waits(_)) => {
                away = 0;
                pause.await;
            }
            Ok(Polled::Over(standing)) => return Err(over(&standing)),
            Err(error) if error.may_pass() && !is_once && away < AWAY.0 => {
                if away == 0 {
                    invocation.output.warn(format_args!("{error}; trying again"));
                }
                away += 1;
                tokio::time::sleep(AWAY.1).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the failure of a request that comes to nothing.
fn over(standing: &Standing) -> Failure {
    let id = standing.session_id.short();
    match standing.status.as_str() {
        "denied" => {
            let said = standing.votes.iter().filter(|vote| !vote.approve);
            let said: Vec<String> = said.map(|vote| printable(&vote.to_string())).collect();
            Failure::new(Exit::Denied, format!("request {id} was denied\n{}", said.join("\n")).trim_end())
        }
        "expired" => Failure::new(
            Exit::ApprovalNeeded,
            format!("request {id} expired: nobody decided in time, or it was taken back"),
        )
        .with_help("ask again"),
        // Whoever asked gets the credential with the answer.
        "approved" => {
            Failure::new(Exit::Denied, format!("request {id} is approved, and it is not yours to pick up"))
                .with_help("whoever asked for it takes it up")
        }
        status => Failure::new(
            Exit::Provider,
            format!("request {id} is {}: its credential was picked up before", printable(status)),
        )
        .with_help("ask again"),
    }
}
