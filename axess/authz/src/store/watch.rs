use super::{AuthzStore, Reload, read};
use crate::{PolicyBundle, PolicyLoadError};
use std::sync::{Arc, PoisonError};

/// Notices that a policy folder changed, whenever it is asked to look.
///
/// It has no timer: the shell calls [`poll`](Self::poll) every few seconds. It compares content, not times, and acts
/// on a change only when two looks in a row see the same: a file that is just being written may be legal and lack its last
/// policy, which may be the one that forbids.
///
/// ```
/// use axess_authz::{AuthzStore, PolicyWatcher, WatchOutcome};
/// let folder = tempfile::tempdir().unwrap();
/// std::fs::write(folder.path().join("app.cedarschema"), "entity Document;").unwrap();
/// let mut watcher = PolicyWatcher::new(AuthzStore::load_dir(folder.path()).unwrap().into());
/// assert!(matches!(watcher.poll(), WatchOutcome::Unchanged));
///
/// std::fs::write(folder.path().join("app.cedarschema"), "entity Folder;").unwrap();
/// assert!(matches!(watcher.poll(), WatchOutcome::Settling));
/// assert!(matches!(watcher.poll(), WatchOutcome::Replaced { generation: 2 }));
/// ```
#[derive(Debug)]
pub struct PolicyWatcher {
    store: Arc<AuthzStore>,
    /// What the last look saw, when that was not in force.
    seen: Option<Vec<PolicyBundle>>,
    /// What was refused, so that it is reported once.
    refused: Option<Vec<PolicyBundle>>,
}

/// What a look at the policy folders came to.
///
/// ```
/// use axess_authz::WatchOutcome;
/// fn wakes_somebody(outcome: &WatchOutcome) -> bool {
///     matches!(outcome, WatchOutcome::Refused(_))
/// }
/// ```
#[derive(Debug)]
pub enum WatchOutcome {
    /// Nothing new.
    Unchanged,
    /// Something new that may not be complete yet.
    Settling,
    /// New policies are in force.
    Replaced {
        /// Their number.
        generation: u64,
    },
    /// A folder cannot be read or the content was refused; the old policies stay in force. The same content is
    /// reported once, a folder that cannot be read each time.
    Refused(PolicyLoadError),
}

impl PolicyWatcher {
    /// Watches the folders that the store was loaded from.
    #[must_use]
    pub fn new(store: Arc<AuthzStore>) -> Self {
        Self { store, seen: None, refused: None }
    }

    /// Looks once.
    ///
    /// Reads files: in async code it belongs on a thread that may block.
    pub fn poll(&mut self) -> WatchOutcome {
        if self.store.source.is_empty() {
            return WatchOutcome::Unchanged;
        }
        let _turn = self.store.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let bundles = match read(&self.store.source) {
            Ok(bundles) => bundles,
            Err(error) => return WatchOutcome::Refused(error.into()),
        };
        if self.store.in_force(&bundles) {
            (self.seen, self.refused) = (None, None);
            return WatchOutcome::Unchanged;
        }
        if self.refused.as_ref() == Some(&bundles) {
            return WatchOutcome::Unchanged;
        }
        if self.seen.as_ref() != Some(&bundles) {
            self.seen = Some(bundles);
            return WatchOutcome::Settling;
        }
        self.seen = None;
        match self.store.adopt(bundles.clone()) {
            Ok(Reload::Unchanged) => WatchOutcome::Unchanged,
            Ok(Reload::Replaced { generation }) => {
                self.refused = None;
                WatchOutcome::Replaced { generation }
            }
            Err(error) => {
                self.refused = Some(bundles);
                WatchOutcome::Refused(error)
            }
        }
    }
}
