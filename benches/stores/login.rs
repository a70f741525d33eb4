//! What a password login asks of the storage: each call, and the SQL statements it is made of. It happens on SQLite; the
//! statements are the same ones on every database.

use crate::turns::Fault;
use axess_core::{
    authn::AuthnScope,
    envelope::Envelope,
    session::{RequestContext, Sessions},
    store::{Expected, FactorStore, IdentityAdmin, IdentityLookup, SaveOutcome, StoreError, TenantBootstrap},
};
use axess_identity::{FactorKind, SessionId};
use axess_sql::{Db, DbConfig, SqlBackend, SqlSessionStore};
use axess_testing::{Instrumented, PASSWORD, Probe, TENANT, TestSuite, USER};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Seals what the account has.
const KEY: [u8; 32] = [7; 32];

/// What one login did.
pub(crate) struct Login {
    pub(crate) steps: Vec<Step>,
}

impl Login {
    pub(crate) fn statements(&self) -> usize {
        self.steps.iter().map(|step| step.statements.len()).sum()
    }
}

/// One call of a storage trait.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) call: &'static str,
    /// The first word of each statement, and its first table.
    pub(crate) statements: Vec<String>,
}

/// Logs a user in, in a session that is stored already, and returns what that asked of the storage.
pub(crate) fn count() -> Result<Login, Fault> {
    let trace = Trace::default();
    // For the whole program: the statements of SQLite run on threads of their own.
    tracing::subscriber::set_global_default(trace.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    runtime.block_on(async {
        let url = format!("sqlite:{}", folder.path().join("login.db").display());
        // A second one would be set up in the middle of a login, with statements of its own.
        let config = DbConfig { max_connections: 1, ..DbConfig::default() };
        let db = Db::connect_with(&url, config).await?;
        db.migrate().await?;
        let suite = TestSuite::default();
        let backend = SqlBackend::new(db.clone(), Envelope::new(KEY)?);
        move_in(&suite, &backend).await?;

        let store = Instrumented::new(SqlSessionStore::new(db.clone()), trace.clone());
        let sessions = suite.sessions_over(store);
        let backend = Instrumented::new(backend, trace.clone());
        let service = suite.service_over(backend.clone(), backend);
        // The first time connections are made and statements prepared.
        for _ in 0..2 {
            let visitor = visitor(&sessions).await?;
            drop(trace.take());
            let session = sessions.open(Some(visitor), RequestContext::default()).await?;
            let outcome = service.login_with_password(&session, USER, TENANT, PASSWORD).await?;
            if !outcome.is_authenticated() {
                return Err("the login was refused".into());
            }
            session.finish().await?;
        }
        db.close().await;
        Ok(Login { steps: trace.take() })
    })
}

/// Stores a session that nobody is logged in to.
async fn visitor(sessions: &Sessions) -> Result<SessionId, Fault> {
    let session = sessions.open(None, RequestContext::default()).await?;
    session.set_custom("seen", &true)?;
    session.finish().await?;
    Ok(session.session_id())
}

/// Copies the account that can log in.
async fn move_in(suite: &TestSuite, backend: &SqlBackend) -> Result<(), Fault> {
    let user = suite.user(USER, TENANT).await;
    let (tenant_id, user_id) = (user.tenant_id, user.user_id);
    let methods = suite.backend.get_methods(AuthnScope::Global).await?;
    let bootstrap = TenantBootstrap {
        tenant_id,
        slug: TENANT.parse()?,
        display_name: TENANT.to_owned(),
        methods: Vec::new(),
        fingerprint_pepper: KEY.into(),
        lockout_policy: None,
        device_retention_days: 90,
        created_at: user.created_at,
    };
    let password = suite.backend.load_factor(tenant_id, user_id, FactorKind::Password).await?;
    let password = password.record.ok_or("the account has no password")?.value;
    backend.save_methods(AuthnScope::Global, methods).await?;
    let saved = [
        backend.create_tenant(bootstrap).await?,
        backend.create_user(user).await?,
        backend.save_factor(tenant_id, user_id, password, Expected::Absent).await?,
    ];
    let is_whole = saved.iter().all(|outcome| *outcome == SaveOutcome::Saved);
    if is_whole { Ok(()) } else { Err("the account cannot be copied".into()) }
}

/// Notes calls, as a probe, and the statements within them, as what listens to the database driver's log.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<Step>>>);

impl Trace {
    fn take(&self) -> Vec<Step> {
        std::mem::take(&mut *self.steps())
    }

    fn steps(&self) -> MutexGuard<'_, Vec<Step>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probe for Trace {
    async fn before(&self, call: &'static str) -> Result<(), StoreError> {
        self.steps().push(Step { call, statements: Vec::new() });
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Subscriber for Trace {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        let mut statement = Statement::default();
        event.record(&mut statement);
        if let Some(step) = self.steps().last_mut() {
            step.statements.push(statement.in_short());
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// One statement as the driver logs it: its beginning, and all of it if that is more.
#[derive(Default)]
struct Statement {
    beginning: String,
    whole: String,
}

impl Statement {
    fn in_short(&self) -> String {
        let sql = if self.whole.is_empty() { &self.beginning } else { &self.whole };
        let verb = sql.split_whitespace().next().unwrap_or_default();
        let table = sql
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .find(|word| word.starts_with("axess_"));
        format!("{verb} {}", table.unwrap_or_default()).trim_end().to_owned()
    }
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.beginning),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_as_many_calls_as_it_is_with_a_session_that_is_stored() {
        let login = count().unwrap();
        let calls: Vec<_> = login.steps.iter().map(|step| step.call).collect();
        assert_eq!(calls, ["load", "reserve_login", "load_factor", "cycle", "settle_attempt", "load_factor"]);
        let load = login.steps.first().map(|step| step.statements.as_slice());
        assert_eq!(load, Some(&["SELECT axess_session".to_owned()][..]));
        // The last two calls are under way together: what the driver logs cannot be told apart.
        let (apart, together) = login.steps.split_at(4);
        assert!(apart.iter().all(|step| !step.statements.is_empty()), "{:?}", login.steps);
        assert!(together.iter().any(|step| step.statements.len() > 1), "{:?}", login.steps);
    }
}
