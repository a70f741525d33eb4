mod events;
mod watch;

#[cfg(test)]
mod tests;

pub use events::{AuthzEventSink, AuthzSinkError, AuthzSinkFuture, DropEvents};
pub use watch::{PolicyWatcher, WatchOutcome};

use crate::{
    AuthzSession, BundleError, DynAuthzEntityProvider, PolicyBundle, PolicyLoadError, PolicyStore, Shadow,
    StandardRequestContext,
};
use arc_swap::{ArcSwap, ArcSwapOption};
use axess_identity::Principal;
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Holds the policies in force and swaps them while requests are decided.
///
/// Reading takes no lock. A session keeps the policies it began with: what began before a swap ends with the old ones,
/// and what begins after it uses the new ones. New policies are swapped in only after they passed every check; bad ones
/// change nothing and are reported to whoever asked for the reload.
///
/// ```
/// use axess_authz::{AuthzStore, PolicyStore};
/// let store = AuthzStore::new(PolicyStore::base().unwrap());
/// assert_eq!(store.current().generation, 1);
/// assert_eq!(store.replace(PolicyStore::base().unwrap()), 2);
/// ```
pub struct AuthzStore {
    active: ArcSwap<ActivePolicies>,
    shadow: ArcSwapOption<Shadow>,
    /// The folders that are read on a reload, lowest layer first.
    source: Vec<PathBuf>,
    sink: Arc<dyn AuthzEventSink>,
    /// Held while policies are loaded and swapped, so that an older reading never replaces a newer one.
    reloading: Mutex<()>,
}

/// The policies in force and how often they were replaced.
///
/// ```
/// use axess_authz::{AuthzStore, PolicyStore};
/// let store = AuthzStore::new(PolicyStore::base().unwrap());
/// assert_eq!(store.current().policies.policies().count(), 1);
/// ```
#[derive(Debug)]
pub struct ActivePolicies {
    /// The policies.
    pub policies: PolicyStore,
    /// Counts from 1.
    pub generation: u64,
}

/// What a reload did.
///
/// ```
/// use axess_authz::Reload;
/// assert_ne!(Reload::Unchanged, Reload::Replaced { generation: 2 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The files say what they said before.
    Unchanged,
    /// New policies are in force.
    Replaced {
        /// Their number.
        generation: u64,
    },
}

impl AuthzStore {
    /// Holds policies that are replaced only by [`replace`](Self::replace).
    ///
    /// Decisions are recorded nowhere until a sink is set.
    #[must_use]
    pub fn new(policies: PolicyStore) -> Self {
        Self {
            active: ArcSwap::from_pointee(ActivePolicies { policies, generation: 1 }),
            shadow: ArcSwapOption::empty(),
            source: Vec::new(),
            sink: Arc::new(DropEvents),
            reloading: Mutex::new(()),
        }
    }

    /// Reads a folder over the shipped base, and reads it again on each reload.
    ///
    /// # Errors
    ///
    /// As [`PolicyStore::load_dir`]: an application that gets one should not start.
    pub fn load_dir(path: impl Into<PathBuf>) -> Result<Self, PolicyLoadError> {
        Self::load_dirs([path.into()])
    }

    /// Reads folders as layers over the shipped base, lowest first, and reads them again on each reload.
    ///
    /// # Errors
    ///
    /// As [`PolicyStore::load_dir`].
    pub fn load_dirs(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, PolicyLoadError> {
        let source: Vec<PathBuf> = paths.into_iter().collect();
        let mut store = Self::new(PolicyStore::compose(read(&source)?)?);
        store.source = source;
        Ok(store)
    }

    /// Sets where decisions are recorded.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn AuthzEventSink>) -> Self {
        self.sink = sink;
        self
    }

    /// Returns the policies in force now.
    #[must_use]
    pub fn current(&self) -> Arc<ActivePolicies> {
        self.active.load_full()
    }

    /// Puts other policies in force and returns their generation.
    pub fn replace(&self, policies: PolicyStore) -> u64 {
        let _turn = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.swap(policies)
    }

    /// Reads the folders again and, if their content changed and passes every check, puts it in force.
    ///
    /// Reads files: in async code it belongs on a thread that may block. A store that was made of no folder has nothing
    /// to read and stays as it is.
    ///
    /// # Errors
    ///
    /// As [`PolicyStore::load_dir`]; the old policies then stay in force.
    pub fn reload(&self) -> Result<Reload, PolicyLoadError> {
        let _turn = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.source.is_empty() {
            return Ok(Reload::Unchanged);
        }
        self.adopt(read(&self.source)?)
    }

    /// Lets a second set of policies see a sample of the questions, without a say in the answers; `None` ends it.
    pub fn set_shadow(&self, shadow: Option<Arc<Shadow>>) {
        self.shadow.store(shadow);
    }

    /// Binds a principal, its facts and the context of one request to the policies in force now.
    #[must_use]
    pub fn session(
        &self,
        principal: Principal,
        provider: Arc<dyn DynAuthzEntityProvider>,
        context: StandardRequestContext,
    ) -> AuthzSession {
        AuthzSession::new(
            self.current(),
            self.shadow.load_full(),
            self.sink.clone(),
            principal,
            provider,
            context,
        )
    }

    /// Puts a reading of the folders in force unless it is the one in force already.
    fn adopt(&self, bundles: Vec<PolicyBundle>) -> Result<Reload, PolicyLoadError> {
        if self.in_force(&bundles) {
            return Ok(Reload::Unchanged);
        }
        Ok(Reload::Replaced { generation: self.swap(PolicyStore::compose(bundles)?) })
    }

    fn in_force(&self, bundles: &[PolicyBundle]) -> bool {
        self.active.load().policies.bundles() == bundles
    }

    fn swap(&self, policies: PolicyStore) -> u64 {
        let generation = self.active.load().generation.saturating_add(1);
        self.active.store(Arc::new(ActivePolicies { policies, generation }));
        generation
    }
}

/// Reads the folders over the shipped base.
fn read(source: &[PathBuf]) -> Result<Vec<PolicyBundle>, BundleError> {
    let mut bundles = vec![PolicyBundle::base()];
    for path in source {
        bundles.push(PolicyBundle::load_dir(path)?);
    }
    Ok(bundles)
}

impl fmt::Debug for AuthzStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthzStore").field("active", &self.active.load()).finish_non_exhaustive()
    }
}
