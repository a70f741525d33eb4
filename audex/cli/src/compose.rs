//! The composition root: from settings to what issues.

use crate::{
    commands::{Invocation, run::SessionArgs, runtime},
    config::{Config, Settings, refuse_shared},
    exit::{Exit, Failure},
    key_store::{self, KeyStore},
    private_folder::{FolderPlaces, leftover},
    remote::{Logins, Served},
    strays,
};
use audex_core::{
    CredentialProvider, IssueError, IssueRules, Issuer, RateLedger, Reconciled,
    audit::{LogTrail, Trail, TrailError},
    reconcile,
    session::{LocalSessions, SessionFolder, SessionId, SessionStoreError},
};
use audex_policy::Provider;
use audex_providers::{
    UnavailableProvider,
    aws::{AwsConfig, AwsProvider, BaseSource, SessionTags},
    local::{LocalProvider, LocalProviderConfig},
};
use axess_audit::log::LogError;
use std::{ffi::OsString, path::PathBuf, sync::Arc};

/// What a command that issues has.
///
/// ```
/// fn records(broker: &audex_cli::compose::Broker) -> &std::path::Path {
///     broker.issuer.store.folder.path()
/// }
/// ```
#[derive(Debug)]
pub struct Broker {
    /// Issues.
    pub issuer: Issuer,
    /// Keeps the evidence.
    pub trail: Arc<LogTrail>,
    /// Where private folders are made.
    pub folders: FolderPlaces,
}

impl Broker {
    /// Opens trail and records, with those who mint for the `wanted` providers, and puts right what crashed sessions left.
    ///
    /// Starts threads: signals are held before.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`], [`Exit::Tampered`] or [`Exit::Config`].
    pub fn open(
        invocation: &Invocation,
        config: &Config,
        args: &SessionArgs,
        wanted: &[Provider],
    ) -> Result<Self, Failure> {
        let settings = &config.settings;
        let providers = wanted.iter().map(|&wanted| provider(invocation, settings, args, wanted));
        let logins = Logins::new(settings.key_store, &invocation.paths()?.data);
        // A session that a team server began is ended there.
        let providers = providers.map(|own| Ok(Arc::new(Served::new(own?, logins.clone())) as _));
        let providers = providers.collect::<Result<Vec<_>, Failure>>()?;
        Self::with(invocation, config, providers, rules(settings))
    }

    /// Opens it with these who mint, and these rules.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with(
        invocation: &Invocation,
        config: &Config,
        providers: Vec<Arc<dyn CredentialProvider>>,
        rules: IssueRules,
    ) -> Result<Self, Failure> {
        let settings = &config.settings;
        let paths = invocation.paths()?;
        for folder in [&paths.data, &paths.keys()] {
            refuse_shared(folder, invocation.surroundings.uid)?;
        }
        let sessions = SessionFolder::open(&paths.data).map_err(|error| of_sessions(&error))?;
        let trail = Arc::new(KeyStore::open_trail(invocation, settings)?);
        let Reconciled { ended, errors } = reconcile(&sessions, &*trail, invocation.now())
            .map_err(|error| Failure::of(Exit::LocalState, &error))?;
        for (id, error) in errors {
            // It is about others' sessions, and tried again each time.
            invocation.output.warn(format_args!("session {} cannot be closed: {error}", id.short()));
        }
        let issuer = Issuer {
            rules,
            providers,
            store: LocalSessions {
                folder: sessions,
                ledger: RateLedger::new(&paths.data),
                trail: Arc::clone(&trail) as Arc<dyn Trail>,
            },
            clock: Arc::clone(&invocation.clock),
            rng: Arc::clone(&invocation.rng),
        };
        // What they held is retired, as at an end that went well, by those who mint here.
        if !ended.is_empty() {
            let ids: Vec<SessionId> = ended.iter().map(|record| record.session_id).collect();
            let left = strays::end(&ids);
            if left > 0 {
                let output = &invocation.output;
                output.warn(format_args!("{left} processes of sessions that crashed cannot be ended"));
            }
            runtime()?.block_on(async {
                for mut record in ended {
                    issuer.retire(&mut record).await;
                }
            });
        }
        let folders = FolderPlaces::new(paths.runtime.clone(), paths.data);
        // What is left of a session whose wrapper and keeper were both killed holds its credential.
        for folder in leftover(&folders).unwrap_or_default() {
            if let Err(error) = folder.remove() {
                invocation.output.warn(format_args!("what a session left cannot be removed: {error}"));
            }
        }
        Ok(Self { issuer, trail, folders })
    }
}

/// Returns what requests are held against.
pub fn rules(settings: &Settings) -> IssueRules {
    IssueRules {
        default_ttl: settings.default_ttl,
        max_ttl: settings.max_ttl,
        denies: settings.policy.deny.clone(),
        boundary: settings.policy.boundary.clone(),
        approval: settings.approvals.clone(),
        rates: settings.rates.clone(),
        sources: settings.allowed_cidrs.clone(),
        roles: settings.roles.clone(),
    }
}

/// Returns who mints for a provider.
///
/// Nobody is talked to.
///
/// # Errors
///
/// [`Exit::Config`] for a setting that the provider does not take.
pub fn provider(
    invocation: &Invocation,
    settings: &Settings,
    args: &SessionArgs,
    provider: Provider,
) -> Result<Arc<dyn CredentialProvider>, Failure> {
    Ok(match provider {
        Provider::Aws => Arc::new(aws(invocation, settings, args)?),
        Provider::Local => Arc::new(local(invocation, settings)?),
        Provider::Gcp => Arc::new(UnavailableProvider::gcp()),
        Provider::Azure => Arc::new(UnavailableProvider::azure()),
        Provider::Vault => Arc::new(UnavailableProvider::vault()),
    })
}

/// Returns the local issuer as it is configured.
///
/// # Errors
///
/// [`Exit::Config`].
pub fn local(invocation: &Invocation, settings: &Settings) -> Result<LocalProvider, Failure> {
    Ok(local_in(invocation, settings, invocation.paths()?.issuer()))
}

/// Returns the local issuer as it is configured, with its keys in this folder.
pub(crate) fn local_in(invocation: &Invocation, settings: &Settings, folder: PathBuf) -> LocalProvider {
    let mut config = LocalProviderConfig::new(folder);
    config.issuer.clone_from(&settings.local.issuer);
    config.audience.clone_from(&settings.local.audience);
    config.verifiers_introspect = settings.local.verifiers_introspect;
    let provider = LocalProvider::new(config, Arc::clone(&invocation.clock), Arc::clone(&invocation.rng));
    settings.key_store.provide(invocation, provider)
}

/// Returns AWS as it is configured.
///
/// # Errors
///
/// [`Exit::Config`].
pub fn aws(invocation: &Invocation, settings: &Settings, args: &SessionArgs) -> Result<AwsProvider, Failure> {
    let aws = &settings.aws;
    let text =
        |(name, value): (&OsString, &OsString)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()));
    let base = BaseSource::new(invocation.surroundings.env().iter().filter_map(text).collect());
    let base = match &aws.profile {
        Some(profile) => base.with_profile(profile),
        None => base,
    };
    let config = AwsConfig {
        role_arn: aws.role_arn.clone(),
        region: args.region.clone().or_else(|| aws.region.clone()),
        endpoint_url: aws.endpoint_url.clone(),
        external_id: aws.external_id.clone(),
        web_identity_token_file: aws.web_identity_token_file.clone(),
        revoker_role_arn: aws.revoker_role_arn.clone(),
        session_tags: if aws.session_tags { SessionTags::default() } else { SessionTags::Off },
        source_identity: aws.source_identity,
        ..AwsConfig::new(base)
    };
    AwsProvider::new(config, Arc::clone(&invocation.clock))
        .map_err(|error| Failure::new(Exit::Config, format!("aws: {error}")))
}

/// Returns the failure of an issue.
pub fn of_issue(error: &IssueError) -> Failure {
    let failure = |exit: Exit| Failure::of(exit, error);
    match error {
        IssueError::Denied(denial) => with_help(failure(Exit::Denied), denial.instead()),
        IssueError::ApprovalNeeded(_) | IssueError::OtherApproval | IssueError::ApprovalUsed => {
            failure(Exit::ApprovalNeeded)
                .with_help("approvals are given on a team server; without one, ask for what is not sensitive")
        }
        IssueError::Limited(limited) => match limited.retry_after {
            Some(after) => {
                failure(Exit::RateLimited).with_help(format!("ask again in {} s", after.num_seconds()))
            }
            None => failure(Exit::RateLimited).with_help("ask again when one of them has ended"),
        },
        IssueError::NoProvider(_) => failure(Exit::Config),
        IssueError::Provider(error) => with_help(failure(Exit::Provider), error.hints.clone()),
        IssueError::Mismatch(_) => failure(Exit::Provider).with_help("nothing was handed over"),
        IssueError::Trail(error) => of_trail(error),
        IssueError::Sessions(error) => of_sessions(error),
        IssueError::Ledger(_) | IssueError::Store(_) => failure(Exit::LocalState),
        IssueError::Over(_) => failure(Exit::DeadlinePassed),
    }
}

/// Returns the failure of session records.
pub fn of_sessions(error: &SessionStoreError) -> Failure {
    match error {
        SessionStoreError::Io { .. } => Failure::of(Exit::LocalState, error).with_help(
            "nothing is issued that cannot be recorded: see that the disk has room and the folder is yours",
        ),
        SessionStoreError::Unreadable { .. } => Failure::of(Exit::LocalState, error),
        SessionStoreError::Unknown(_) => {
            Failure::of(Exit::Usage, error).with_help("tryaudex sessions lists those there are")
        }
        SessionStoreError::Ambiguous { candidates, .. } => {
            let ids: Vec<String> = candidates.iter().take(10).map(ToString::to_string).collect();
            Failure::of(Exit::Usage, error).with_help(format!("type more of one of {}", ids.join(", ")))
        }
        SessionStoreError::NotAnId(_) => Failure::of(Exit::Usage, error),
    }
}

/// Returns the failure of the trail.
pub fn of_trail(error: &TrailError) -> Failure {
    match error {
        TrailError::Log(LogError::Damaged { .. } | LogError::ForeignKey { .. }) => {
            Failure::of(Exit::Tampered, error).with_help(
                "tryaudex audit verify names what is wrong; nothing is issued until that is settled",
            )
        }
        TrailError::NoLog { keys, .. } => {
            let keys = keys.as_ref().map_or_else(|| "its keys".to_owned(), |keys| keys.display().to_string());
            Failure::of(Exit::Tampered, error).with_help(format!(
                "nothing is issued: restore the log from a copy, or, to begin another without it, move {keys} away"
            ))
        }
        TrailError::Keys(keys) if key_store::help(keys).is_some() => {
            with_help(Failure::of(Exit::LocalState, error), key_store::help(keys).into_iter().collect())
        }
        _ => Failure::of(Exit::LocalState, error).with_help(
            "nothing is issued that cannot be recorded: see that the disk has room and the folder is yours",
        ),
    }
}

fn with_help(failure: Failure, help: Vec<String>) -> Failure {
    help.into_iter().fold(failure, Failure::with_help)
}
