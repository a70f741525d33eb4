//! Whose account an identity of the provider's is, and what it may do here.

use super::groups::Groups;
use crate::{
    access::{
        Access,
        people::{ADMIN, address, administered, changed, is_admin},
        tokens,
    },
    model::{Person, PersonKind},
    settings::SsoSettings,
    store::{Store, StoreFault},
};
use audex_core::{IssueRules, Requester};
use axess::{
    TenantId, UserId,
    backends::sqlite::{Db, FederatedLinkStore},
    clock::Clock,
    federation::{
        Admission, Assurance, FederatedIdentity, NewAccount, Provision, ProvisionFuture, ProvisionRequest,
        Provisioner, issuer_of_link,
    },
    identity::{EmailAddress, Identifier},
    store::{DynFederatedLinkStore, Expected, FederatedLink, Owner, SaveOutcome, StoreError},
};
use std::{
    error::Error,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

/// Brings identities and accounts together.
pub(in crate::access) struct Joining {
    settings: SsoSettings,
    groups: Groups,
    store: Store,
    links: Arc<dyn DynFederatedLinkStore>,
    tenant_id: TenantId,
    clock: Arc<dyn Clock>,
    /// The front door, once it is there.
    access: OnceLock<Weak<Access>>,
    kept: Kept,
}

/// Who keeps the role of those who administer, against the provider's word: at most one, and it is said once.
#[derive(Default)]
struct Kept(Mutex<Option<UserId>>);

/// Asks at each login.
pub(super) struct AtTheDoor(pub(super) Arc<Joining>);

/// What keeps an identity from being brought together with an account for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum JoinError {
    #[error("the accounts cannot be read")]
    Store(#[from] StoreFault),
    #[error("the links of accounts cannot be read")]
    Links(#[from] StoreError),
    #[error("the server is closing")]
    Closing,
    #[error("who administers cannot be found out: {}", .0.code())]
    Admins(crate::problem::Problem),
}

impl Joining {
    pub(in crate::access) fn new(
        (settings, rules): (&SsoSettings, &IssueRules),
        store: Store,
        db: &Db,
        tenant_id: TenantId,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let links = Arc::new(FederatedLinkStore::new(db.clone()));
        let (settings, groups) = (settings.clone(), Groups::new(&settings.groups, rules));
        Self {
            settings,
            groups,
            store,
            links,
            tenant_id,
            clock,
            access: OnceLock::new(),
            kept: Kept::default(),
        }
    }

    /// Tells it the front door that it belongs to.
    pub(in crate::access) fn belongs_to(&self, access: &Arc<Access>) {
        let _ = self.access.set(Arc::downgrade(access));
    }

    pub(super) fn links(&self) -> Arc<dyn DynFederatedLinkStore> {
        Arc::clone(&self.links)
    }

    pub(super) fn settings(&self) -> &SsoSettings {
        &self.settings
    }

    /// Links an identity that is linked to nobody to the account with its verified address.
    ///
    /// Not to one that has another identity of this provider: the address may have been given to somebody new.
    pub(super) async fn link(&self, identity: &FederatedIdentity) -> Result<(), JoinError> {
        let (issuer, subject) = (identity.link_issuer(), identity.subject.clone());
        if self.links.find_link(self.tenant_id, issuer.clone(), subject.clone()).await?.is_some() {
            return Ok(());
        }
        let Some(email) = self.vouched(identity) else {
            let is_saml = identity.assurance == Assurance::SamlAssertion;
            if is_saml && identity.email.is_none() && identity.subject.parse::<EmailAddress>().is_ok() {
                tracing::warn!(
                    format = identity.subject_format.as_deref().unwrap_or("none"),
                    "somebody new is named by what looks like an address, and nothing says that it is one: have the provider send \
                     an attribute or names of the format emailAddress, or set sso.trust_email"
                );
            }
            return Ok(());
        };
        let access = self.access()?;
        let _turn = access.people.lock().await;
        let Some(person) = self.store.person_by_email(&email).await? else { return Ok(()) };
        let owner = Owner { tenant_id: self.tenant_id, user_id: person.user_id };
        if person.is_disabled || person.kind != PersonKind::Human {
            return Ok(());
        }
        let known = self.links.find_links(owner).await?;
        if known.iter().any(|link| issuer_of_link(&link.issuer) == identity.issuer) {
            tracing::warn!(account = %person.user_id, "the address of an account came with another identity");
            return Ok(());
        }
        let link = FederatedLink {
            owner,
            issuer: issuer.clone(),
            subject: subject.clone(),
            provider: super::name(),
            linked_at: self.clock.now(),
            last_used_at: None,
        };
        if self.links.save_link(link, Expected::Absent).await? != SaveOutcome::Saved {
            // Another callback was faster.
            return Ok(());
        }
        let event =
            administered("person.linked", &person.email, format!("to {subject} at {}", identity.issuer));
        if let Err(fault) = self.store.save_person(&who(identity), &person, event).await {
            // What is not on record does not stand.
            self.links.delete_link(owner, issuer, subject).await?;
            return Err(fault.into());
        }
        Ok(())
    }

    /// Returns the address of an identity, as it is kept, if the provider's word for it counts.
    fn vouched(&self, identity: &FederatedIdentity) -> Option<String> {
        let email = identity.email.as_ref().filter(|_| identity.email_verified)?;
        let (_, domain) = email.as_str().rsplit_once('@')?;
        let domains = &self.settings.email_domains;
        let is_theirs = domains.is_empty() || domains.iter().any(|of| of.eq_ignore_ascii_case(domain));
        is_theirs.then(|| address(email.as_str(), PersonKind::Human).ok()).flatten()
    }

    async fn provision(&self, identity: &FederatedIdentity) -> Result<Provision, JoinError> {
        let Some(email) = self.vouched(identity) else { return Ok(Provision::Refuse) };
        // Whoever has the address and was not linked to it is somebody else, or may not come in.
        if self.store.person_by_email(&email).await?.is_some() {
            return Ok(Provision::Refuse);
        }
        let (Ok(identifier), Ok(address)) = (Identifier::parse_new(&email), email.parse()) else {
            return Ok(Provision::Refuse);
        };
        let display_name = Some(display_name(identity, &email));
        Ok(Provision::Create(NewAccount { identifier, display_name, email: Some(address) }))
    }

    async fn admit(&self, owner: Owner, identity: &FederatedIdentity) -> Result<Admission, JoinError> {
        let access = self.access()?;
        let _turn = access.people.lock().await;
        let Some(before) = self.store.person(owner.user_id).await? else {
            return self.take_in(owner, identity).await;
        };
        if before.is_disabled || before.kind != PersonKind::Human {
            return Ok(Admission::Refuse);
        }
        let mut person = before.clone();
        self.groups.give(&mut person, &identity.groups);
        let is_kept = is_admin(&before)
            && !is_admin(&person)
            && access.other_admins(person.user_id).await.map_err(JoinError::Admins)? == 0;
        if is_kept {
            person.roles.push(ADMIN.to_owned());
            person.roles.sort();
        }
        if self.kept.is_news(person.user_id, is_kept) {
            tracing::warn!(account = %person.user_id, "nobody else administers: the role stays");
        }
        if person != before {
            self.store.save_person(&who(identity), &person, changed(&before, &person)).await?;
        }
        Ok(Admission::Admit)
    }

    /// Makes somebody of an account that is just made.
    async fn take_in(&self, owner: Owner, identity: &FederatedIdentity) -> Result<Admission, JoinError> {
        let Some(email) = self.vouched(identity) else { return Ok(Admission::Refuse) };
        if self.store.person_by_email(&email).await?.is_some() {
            return Ok(Admission::Refuse);
        }
        let display_name = display_name(identity, &email);
        let mut person = Person {
            user_id: owner.user_id,
            email,
            display_name,
            kind: PersonKind::Human,
            groups: Vec::new(),
            provider_groups: Vec::new(),
            roles: Vec::new(),
            is_disabled: false,
            created_at: self.clock.now(),
        };
        self.groups.give(&mut person, &identity.groups);
        let (roles, groups) = (person.roles.join(" "), person.groups.join(" "));
        let detail = format!("by single sign-on; roles: {roles}; groups: {groups}");
        let event = administered("person.added", &person.email, detail);
        self.store.insert_person(&who(identity), &person, event).await?;
        Ok(Admission::Admit)
    }

    fn access(&self) -> Result<Arc<Access>, JoinError> {
        self.access.get().and_then(Weak::upgrade).ok_or(JoinError::Closing)
    }
}

impl Kept {
    /// Notes whether somebody keeps it, and tells whether that begins now.
    fn is_news(&self, id: UserId, is_kept: bool) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_kept = *known == Some(id);
        if is_kept {
            *known = Some(id);
        } else if was_kept {
            *known = None;
        }
        is_kept && !was_kept
    }
}

impl Provisioner for AtTheDoor {
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
        Box::pin(async move { self.0.provision(request.identity).await.map_err(boxed) })
    }

    fn admit<'a>(&'a self, owner: Owner, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Admission> {
        Box::pin(async move { self.0.admit(owner, request.identity).await.map_err(boxed) })
    }
}

fn boxed(error: JoinError) -> Box<dyn Error + Send + Sync> {
    Box::new(error)
}

/// Says by whose word it is that an account is what it is.
fn who(identity: &FederatedIdentity) -> Requester {
    Requester::Workload {
        issuer: identity.issuer.clone(),
        subject: "single sign-on".to_owned(),
        groups: Vec::new(),
    }
}

/// Returns what somebody is called: as the provider says where that can be shown on a line.
fn display_name(identity: &FederatedIdentity, email: &str) -> String {
    let name = identity.display_name.as_deref().and_then(|name| tokens::name_of(name).ok());
    name.unwrap_or_else(|| email.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess::rng::MockRng;

    #[test]
    fn who_keeps_the_role_is_said_when_it_begins() {
        let rng = MockRng::new(1);
        let at = chrono::DateTime::UNIX_EPOCH;
        let (one, other) = (UserId::generate(at, &rng), UserId::generate(at, &rng));
        let kept = Kept::default();
        for (id, is_kept, is_news) in [
            (one, false, false),
            (one, true, true),
            (one, true, false),
            // Somebody else's login changes nothing of it.
            (other, false, false),
            (one, true, false),
            (one, false, false),
            (one, true, true),
            (other, true, true),
            (one, true, true),
        ] {
            assert_eq!(kept.is_news(id, is_kept), is_news, "{id} {is_kept}");
        }
    }
}
