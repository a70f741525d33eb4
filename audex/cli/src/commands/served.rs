//! Sessions that a team server decides on: asked there, waited for, and then run here like any other.

mod plan;
mod wait;

pub(super) use plan::{plan_code, plan_text};

use super::{Invocation, run::SessionArgs};
use crate::{
    args::RequestArgs,
    compose::{self, Broker},
    config::{Config, Settings},
    exit::{Exit, Failure, Outcome},
    keeper::Signals,
    remote::{Granted, Logins, Remote, RemoteError, RemoteSession, Served, ServerAddress},
};
use audex_core::{
    CommandLine, IssueRequest, IssueRules, Ttl,
    session::{Delivery, EntryPoint, SessionId},
};
use audex_policy::{Faults, Request, Rules};
use audex_server::model::Ask;
use clap::Args;
use std::{ffi::OsString, sync::Arc};
use tokio::runtime::Runtime;
use wait::{Decided, Obtained};

/// The heading of these arguments in the help.
const TEAM: &str = "The team server";

/// How a team server is asked.
///
/// ```
/// assert!(audex_cli::commands::served::TeamArgs::default().server.is_none());
/// ```
#[derive(Debug, Clone, Default, Args)]
pub struct TeamArgs {
    /// Let a team server decide and mint [default address: $AUDEX_SERVER, else server of the configuration]
    #[arg(help_heading = TEAM, long, value_name = "URL", num_args = 0..=1)]
    pub server: Option<Option<ServerAddress>>,
    /// What it is for, in a sentence for those who approve
    #[arg(help_heading = TEAM, long, value_name = "TEXT", requires = "server")]
    pub reason: Option<String>,
    /// How long to wait for an approval, as in 10m [default: as long as the request stands]
    #[arg(help_heading = TEAM, long, value_name = "TIME", requires = "server")]
    pub wait: Option<Ttl>,
    /// Do not wait for an approval: end with 81 and the id of the request
    #[arg(help_heading = TEAM, long, requires = "server", conflicts_with = "wait")]
    pub no_wait: bool,
}

/// How a team server is asked for one session.
///
/// ```
/// assert!(audex_cli::commands::served::ServedArgs::default().request.is_none());
/// ```
#[derive(Debug, Clone, Default, Args)]
pub struct ServedArgs {
    /// Which server, and how.
    #[command(flatten)]
    pub team: TeamArgs,
    /// Take up a request that was not waited for, by its id
    #[arg(help_heading = TEAM, long, value_name = "ID", requires = "server")]
    pub request: Option<SessionId>,
}

/// Returns how a server is asked, with the login that is kept.
pub(super) fn remote(
    invocation: &Invocation,
    settings: &Settings,
    named: Option<&ServerAddress>,
) -> Result<Remote, Failure> {
    let address = address(settings, named)?;
    let login = logins(invocation, settings)?.find(&address)?;
    let is_over = |expiry: chrono::DateTime<chrono::Utc>| expiry <= invocation.now();
    match login.filter(|login| !login.expires_at.is_some_and(is_over)) {
        Some(login) => Ok(Remote::new(address, Some(login.token))?),
        None => Err(RemoteError::NotLoggedIn(address).into()),
    }
}

/// Returns which server is meant.
pub(super) fn address(settings: &Settings, named: Option<&ServerAddress>) -> Result<ServerAddress, Failure> {
    named.or(settings.server.as_ref()).cloned().ok_or_else(|| {
        Failure::new(Exit::Usage, "no server is named")
            .with_help("write --server URL, set AUDEX_SERVER, or write server = \"URL\" in the configuration")
    })
}

/// Returns where logins are kept.
pub(super) fn logins(invocation: &Invocation, settings: &Settings) -> Result<Logins, Failure> {
    Ok(Logins::new(settings.key_store, &invocation.paths()?.data))
}

impl TeamArgs {
    /// Returns how the server is asked, where one is to be asked.
    pub(super) fn remote(
        &self,
        invocation: &Invocation,
        settings: &Settings,
    ) -> Result<Option<Remote>, Failure> {
        let Some(named) = &self.server else { return Ok(None) };
        remote(invocation, settings, named.as_ref()).map(Some)
    }

    /// Returns what the server is asked for.
    pub(super) fn ask(&self, request: &IssueRequest) -> Ask {
        Ask {
            allow: request.request.to_string(),
            target: request.target.clone(),
            ttl: request.ttl.map(|ttl| ttl.to_string()),
            budget: request.budget.map(|budget| budget.to_string()),
            reason: self.reason.clone(),
            ..Ask::new(request.request.provider())
        }
    }
}

/// Refuses what our own configuration would cut: the server, which mints, does not know of it.
pub(super) fn keep_to_own_rules(settings: &Settings, request: &Request) -> Result<(), Failure> {
    let ceilings: Vec<_> = settings.policy.boundary.iter().cloned().collect();
    let narrowed = audex_policy::narrow(request, &ceilings, &settings.policy.deny);
    let cuts = narrowed.map(|narrowed| narrowed.cuts).map_err(|error| Failure::of(Exit::Denied, &error))?;
    if cuts.is_empty() {
        return Ok(());
    }
    let cuts: Vec<String> = cuts.iter().map(ToString::to_string).collect();
    Err(Failure::new(
        Exit::Denied,
        format!("your own configuration does not allow all of it: {}", cuts.join("; ")),
    )
    .with_help("ask for what is left of it; what a server mints is not narrowed here"))
}

/// What is asked of a server, and where what it gives goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServedAsk<'a> {
    /// How the server is asked.
    pub(super) args: &'a ServedArgs,
    /// The session.
    pub(super) session: &'a SessionArgs,
    /// What is asked for.
    pub(super) asked: &'a RequestArgs,
    /// Where it goes.
    pub(super) place: Place<'a>,
}

/// What is there once a server decided.
pub(super) struct Open {
    /// Issues what the server handed over, and records it here.
    pub(super) broker: Broker,
    /// The request as it was granted.
    pub(super) request: IssueRequest,
    /// The server's session, which is ours as well.
    pub(super) session_id: SessionId,
}

impl ServedAsk<'_> {
    /// Asks the server, and does something with what it gave. What is not used goes back.
    pub(super) fn through(
        &self,
        invocation: &Invocation,
        config: &Config,
        remote: Remote,
        signals: &Signals,
        work: impl FnOnce(&Runtime, &Open) -> Outcome,
    ) -> Outcome {
        let request = match self.args.request {
            Some(_) => None,
            None => Some(self.request(invocation, config)?),
        };
        if self.session.dry_run {
            let request = request.map_or_else(|| self.request(invocation, config), Ok)?;
            let plan = super::runtime()?.block_on(remote.plan(&self.args.team.ask(&request)))?;
            return plan::show_plan(invocation, &remote, &plan);
        }
        let runtime = super::runtime()?;
        let obtained = self.args.obtain(invocation, remote.clone(), request.as_ref(), signals);
        let decided = match runtime.block_on(obtained)? {
            Obtained::Decided(decided) => *decided,
            Obtained::GivenUp(code) => return Ok(code),
        };
        let session_id = decided.granted.session_id;
        let opened = self.open(invocation, config, decided);
        let (open, served) = opened.inspect_err(|_| {
            // It expires, where that cannot be told.
            let _ = runtime.block_on(remote.revoke(session_id, "it could not be used"));
        })?;
        let done = work(&runtime, &open);
        // Where nothing is recorded of it here, as after Ctrl-C on the way, nobody else would end it.
        let record = open.broker.issuer.store.folder.load(session_id);
        if record.map_or(true, |record| record.credentials.is_empty()) {
            runtime.block_on(served.give_back());
        }
        done
    }

    /// Returns what is asked for, where our own configuration allows it.
    pub(super) fn request(&self, invocation: &Invocation, config: &Config) -> Result<IssueRequest, Failure> {
        let Place { entry_point, delivery, command } = self.place;
        let settings = &config.settings;
        let request =
            self.session.issue_request(invocation, settings, self.asked, entry_point, delivery, command)?;
        keep_to_own_rules(settings, &request.request)?;
        Ok(request)
    }

    /// Opens the broker for what the server decided.
    fn open(
        &self,
        invocation: &Invocation,
        config: &Config,
        decided: Decided,
    ) -> Result<(Open, Arc<Served>), Failure> {
        let Decided { remote, granted, session } = decided;
        let settings = &config.settings;
        let (request, denies) = as_granted(&granted, &session)?;
        keep_to_own_rules(settings, &request)?;
        let left = (session.deadline - invocation.now()).num_milliseconds();
        let seconds = u64::try_from(left).unwrap_or(0).div_ceil(1_000);
        let ttl = Ttl::from_seconds(seconds).map_err(|_| {
            let end = session.deadline.format("%H:%M:%SZ");
            Failure::new(Exit::DeadlinePassed, format!("the session ends at {end}, which has passed here"))
                .with_help("compare the clocks of this machine and of the server")
        })?;
        let rules = IssueRules { default_ttl: ttl, max_ttl: Ttl::MAX, denies, ..IssueRules::default() };
        let own = compose::provider(invocation, settings, self.session, granted.provider)?;
        let (session_id, place) = (granted.session_id, self.place);
        let served = Served::new(own, logins(invocation, settings)?);
        let is_detached = place.entry_point.is_detached();
        let served = Arc::new(served.begin(remote, granted, &session, is_detached, &*invocation.clock));
        let broker = Broker::with(invocation, config, vec![Arc::clone(&served) as _], rules)?;
        let request = IssueRequest {
            requester: invocation.requester(),
            entry_point: place.entry_point,
            request,
            target: None,
            ttl: Some(ttl),
            command: CommandLine::new(place.command),
            delivery: place.delivery,
            budget: None,
            reason: None,
        };
        Ok((Open { broker, request, session_id }, served))
    }
}

/// Returns what was granted as a request, and what is denied of it.
fn as_granted(granted: &Granted, session: &RemoteSession) -> Result<(Request, Rules), Failure> {
    let unreadable = |faults: Faults| {
        Failure::new(Exit::Provider, format!("what the server granted cannot be read here: {faults}"))
            .with_help("bring tryaudex up to date with the server")
    };
    let request = Request::builder(granted.provider).accept_unknown_actions();
    let request = session.actions.iter().fold(request, |builder, action| builder.allow(action));
    Ok((request.build().map_err(unreadable)?, Rules::parse(&session.denied).map_err(unreadable)?))
}

/// Where a credential goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The way in.
    pub(super) entry_point: EntryPoint,
    /// How it is delivered.
    pub(super) delivery: Delivery,
    /// The command, if there is one.
    pub(super) command: &'a [OsString],
}
