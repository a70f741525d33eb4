//! Policies of the operator's own, read again when their files change.

use super::{Access, policy};
use axess::authz::PolicyBundle;
use std::{
    path::Path,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{task::spawn_blocking, time};

/// How often the files are looked at. A change is taken up when two looks saw the same.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Looks at the folder for as long as the front door is there.
pub(super) fn keep_up_to_date(access: &Arc<Access>) {
    if access.settings.policies.is_some() {
        tokio::spawn(look(Arc::downgrade(access)));
    }
}

async fn look(access: Weak<Access>) {
    let (mut in_force, mut seen) = (None, None);
    loop {
        time::sleep(BETWEEN_LOOKS).await;
        let Some(access) = access.upgrade() else { return };
        let Some(folder) = access.settings.policies.clone() else { return };
        let read = spawn_blocking(move || PolicyBundle::load_dir(&folder)).await;
        let Ok(Ok(bundle)) = read else {
            tracing::error!("the policies cannot be read: those before stay in force");
            continue;
        };
        // The first look is what the server began with, or very nearly.
        if in_force.is_none() {
            in_force = Some(bundle.clone());
        }
        let is_settled = seen.as_ref() == Some(&bundle);
        let is_new = in_force.as_ref() != Some(&bundle);
        seen = Some(bundle.clone());
        if is_settled && is_new {
            in_force = Some(bundle);
            take_up(&access).await;
        }
    }
}

/// Puts what the folder says now in force, unless something is wrong with it.
async fn take_up(access: &Access) {
    let folder = access.settings.policies.clone();
    let loaded = spawn_blocking(move || policy::load(folder.as_deref().map(Path::new))).await;
    match loaded {
        Ok(Ok(policies)) => {
            let generation = access.policies.replace(policies);
            tracing::info!(generation, "new policies are in force");
        }
        Ok(Err(error)) => tracing::error!("the policies before stay in force: {error}"),
        Err(error) => tracing::error!(%error, "the policies before stay in force"),
    }
}
