//! Policies of the operator's own, read again when their files change.

use super::{Access, policy};
use axess::authz::PolicyBundle;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{task::spawn_blocking, time};

/// How often the files are looked at. A change is taken up when two looks saw the same.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Looks at the folder for as long as the front door is there; `in_force` is what it began with.
pub(super) fn keep_up_to_date(access: &Arc<Access>, in_force: PolicyBundle) {
    if access.settings.policies.is_some() {
        tokio::spawn(look(Arc::downgrade(access), in_force));
    }
}

/// What the files say is compared, and no time of a file: an edit may be as old as the one before it.
async fn look(access: Weak<Access>, mut in_force: PolicyBundle) {
    let mut seen = None;
    loop {
        time::sleep(BETWEEN_LOOKS).await;
        let Some(access) = access.upgrade() else { return };
        let folder = access.settings.policies.clone();
        let read = spawn_blocking(move || policy::read(folder.as_deref())).await;
        let Ok(Ok(bundle)) = read else {
            tracing::error!("the policies cannot be read: those before stay in force");
            continue;
        };
        let is_settled = seen.as_ref() == Some(&bundle);
        if is_settled && in_force != bundle {
            in_force = bundle.clone();
            take_up(&access, bundle.clone()).await;
        }
        seen = Some(bundle);
    }
}

/// Puts policies in force, unless something is wrong with them.
async fn take_up(access: &Access, bundle: PolicyBundle) {
    match spawn_blocking(move || policy::compose(bundle)).await {
        Ok(Ok(policies)) => {
            let generation = access.policies.replace(policies);
            tracing::info!(generation, "new policies are in force");
        }
        Ok(Err(error)) => tracing::error!("the policies before stay in force: {error}"),
        Err(error) => tracing::error!(%error, "the policies before stay in force"),
    }
}
