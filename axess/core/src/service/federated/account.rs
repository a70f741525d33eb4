//! Whose account an identity is: linked, found by its mail address, or created for it.

use super::Call;
use crate::{
    authn::{AuthnError, Method},
    federation::{Admission, NewAccount, Provision, ProvisionRequest},
    service::AuthnService,
    store::{
        Expected, FactorStore, FederatedLink, IdentityAdmin, NewUser, Owner, SaveOutcome, StoreError,
        StoreErrorKind, check_display_name,
    },
};
use axess_events::{
    AuthEvent,
    account::SignupCompleted,
    federation::{FederatedIdentityLinked, FederationRefusalReason, LinkCause},
};
use axess_factors::federated::{FederatedIdentity, issuer_of_link};
use axess_identity::{UserId, UserStatus};

/// Whose account an identity is, and how it logs in.
pub(super) enum Account {
    Found { user_id: UserId, method: Method },
    None(NoAccount),
    Denied { user_id: Option<UserId>, why: NoAccount },
}

/// Why nobody is logged in.
pub(super) struct NoAccount(pub(super) FederationRefusalReason);

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    pub(super) async fn find_account(
        &self,
        call: &Call<'_>,
        identity: &FederatedIdentity,
    ) -> Result<Account, AuthnError> {
        let links = self.federation()?.links();
        let (issuer, subject) = (identity.link_issuer(), identity.subject.clone());
        let linked = links.find_link(call.tenant_id, issuer, subject).await?;
        let linked = linked.map(|link| link.value.owner.user_id);
        if let Some(user_id) = linked {
            let owner = Owner { tenant_id: call.tenant_id, user_id };
            // Whoever created the link to a new account may have stopped before there was one.
            let missing = self.may_provision(call)
                && self.identity.get_user(owner.tenant_id, owner.user_id).await?.is_none();
            if !missing {
                return self.existing(call, owner, identity).await;
            }
        } else if let Some(owner) = self.find_by_email(call, identity).await? {
            let account = self.existing(call, owner, identity).await?;
            // The link comes last: an account that may not log in gets none.
            if !matches!(account, Account::Found { .. }) || self.link_found(call, owner, identity).await? {
                return Ok(account);
            }
        }
        self.provision(call, identity, linked).await
    }

    /// Tells whether an identity is linked to this account.
    pub(super) async fn is_linked(
        &self,
        owner: Owner,
        identity: &FederatedIdentity,
    ) -> Result<bool, AuthnError> {
        let (issuer, subject) = (identity.link_issuer(), identity.subject.clone());
        let link = self.federation()?.links().find_link(owner.tenant_id, issuer, subject).await?;
        Ok(link.is_some_and(|link| link.value.owner == owner))
    }

    /// Asks the application whether an account may log in with an identity.
    pub(super) async fn is_admitted(
        &self,
        call: &Call<'_>,
        owner: Owner,
        identity: &FederatedIdentity,
    ) -> Result<bool, AuthnError> {
        let Some(provisioner) = self.federation()?.provisioner() else { return Ok(true) };
        let admission = provisioner.admit(owner, request(call, identity)).await.map_err(failed)?;
        Ok(admission == Admission::Admit)
    }

    async fn existing(
        &self,
        call: &Call<'_>,
        owner: Owner,
        identity: &FederatedIdentity,
    ) -> Result<Account, AuthnError> {
        let denied = |why| Account::Denied { user_id: Some(owner.user_id), why: NoAccount(why) };
        let Some(method) = self.method_for(call, owner.user_id).await? else {
            return Ok(denied(FederationRefusalReason::NoMethod));
        };
        if !self.is_admitted(call, owner, identity).await? {
            return Ok(denied(FederationRefusalReason::NotAdmitted));
        }
        Ok(Account::Found { user_id: owner.user_id, method })
    }

    /// Finds the account with the address the provider is the authority for, unless it has another identity there: the
    /// address may have been given to somebody new.
    async fn find_by_email(
        &self,
        call: &Call<'_>,
        identity: &FederatedIdentity,
    ) -> Result<Option<Owner>, AuthnError> {
        let Some(email) = call.resolved.policy.vouched_email(identity) else { return Ok(None) };
        let user = self.identity.find_user_by_email(call.tenant_id, email.clone()).await?;
        let user = user.filter(|user| user.email_verified && user.status.admits_logins());
        let Some(user) = user else { return Ok(None) };
        let owner = Owner { tenant_id: call.tenant_id, user_id: user.user_id };
        let known = self.federation()?.links().find_links(owner).await?;
        Ok((!known.iter().any(|link| issuer_of_link(&link.issuer) == identity.issuer)).then_some(owner))
    }

    /// Links an account that was found by its address; true also when another callback was faster with the same result.
    async fn link_found(
        &self,
        call: &Call<'_>,
        owner: Owner,
        identity: &FederatedIdentity,
    ) -> Result<bool, AuthnError> {
        Ok(self.link(call, owner, identity, LinkCause::VerifiedEmail).await?
            || self.is_linked(owner, identity).await?)
    }

    /// Writes a link and records it, or does neither; false when the identity has a link already.
    pub(super) async fn link(
        &self,
        call: &Call<'_>,
        owner: Owner,
        identity: &FederatedIdentity,
        cause: LinkCause,
    ) -> Result<bool, AuthnError> {
        let links = self.federation()?.links();
        self.emitter
            .together(async {
                let link = FederatedLink {
                    owner,
                    issuer: identity.link_issuer(),
                    subject: identity.subject.clone(),
                    provider: call.name.clone(),
                    linked_at: self.now(),
                    last_used_at: None,
                };
                if links.save_link(link, Expected::Absent).await? == SaveOutcome::Conflict {
                    return Ok(false);
                }
                let event = FederatedIdentityLinked {
                    user_id: owner.user_id,
                    provider: call.name.as_str().into(),
                    issuer: identity.issuer.as_str().into(),
                    cause,
                };
                let event = AuthEvent::FederatedIdentityLinked(event);
                if let Err(error) = self.emit(call.session, Some(owner.tenant_id), event).await {
                    // What is not on record does not stand.
                    links.delete_link(owner, identity.link_issuer(), identity.subject.clone()).await?;
                    return Err(error);
                }
                Ok(true)
            })
            .await
    }

    fn may_provision(&self, call: &Call<'_>) -> bool {
        let provisioner = self.federation.as_ref().and_then(|federation| federation.provisioner());
        call.resolved.policy.provision && provisioner.is_some()
    }

    /// Creates the account of an identity that has none.
    ///
    /// The link comes first and names the account, so racing callbacks agree on one; whoever finds a link without an account
    /// creates it.
    async fn provision(
        &self,
        call: &Call<'_>,
        identity: &FederatedIdentity,
        linked: Option<UserId>,
    ) -> Result<Account, AuthnError> {
        let nobody = |why| Ok(Account::None(NoAccount(why)));
        let provisioner = self.federation()?.provisioner().filter(|_| self.may_provision(call));
        let Some(provisioner) = provisioner else { return nobody(FederationRefusalReason::NotLinked) };
        let drawn = linked.unwrap_or_else(|| UserId::generate(self.now(), self.rng()));
        let Some(method) = self.method_for(call, drawn).await? else {
            return nobody(FederationRefusalReason::NoMethod);
        };
        let new = match provisioner.provision(request(call, identity)).await.map_err(failed)? {
            Provision::Create(new) => new,
            Provision::Refuse => return nobody(FederationRefusalReason::NotLinked),
        };
        let mut owner = Owner { tenant_id: call.tenant_id, user_id: drawn };
        if linked.is_none() && !self.link(call, owner, identity, LinkCause::Provisioned).await? {
            let (issuer, subject) = (identity.link_issuer(), identity.subject.clone());
            let won = self.federation()?.links().find_link(call.tenant_id, issuer, subject).await?;
            let Some(won) = won else { return nobody(FederationRefusalReason::NameTaken) };
            owner = won.value.owner;
        }
        if !self.create_account(call, owner, identity, new).await? {
            return nobody(FederationRefusalReason::NameTaken);
        }
        if !self.is_admitted(call, owner, identity).await? {
            return nobody(FederationRefusalReason::NotAdmitted);
        }
        Ok(Account::Found { user_id: owner.user_id, method })
    }

    /// Creates the account a link names, unless another callback did; false when its name is taken, and then there is no
    /// link any more either.
    async fn create_account(
        &self,
        call: &Call<'_>,
        owner: Owner,
        identity: &FederatedIdentity,
        new: NewAccount,
    ) -> Result<bool, AuthnError> {
        let vouched = call.resolved.policy.vouched_email(identity);
        let vouched = vouched.filter(|email| new.email.as_ref() == Some(*email));
        let email_verified = match vouched {
            Some(email) => self.identity.find_user_by_email(owner.tenant_id, email.clone()).await?.is_none(),
            None => false,
        };
        let user = NewUser {
            user_id: owner.user_id,
            tenant_id: owner.tenant_id,
            identifier: new.identifier,
            // A name is worth less than the login: one that no store keeps is left out.
            display_name: new.display_name.filter(|name| check_display_name(name).is_ok()),
            email: new.email,
            email_verified,
            status: UserStatus::Active,
            created_at: self.now(),
        };
        let created = self
            .emitter
            .together(async {
                let created = self.identity.create_user(user).await? == SaveOutcome::Saved;
                if created {
                    let event = AuthEvent::SignupCompleted(SignupCompleted { user_id: owner.user_id });
                    self.emit(call.session, Some(owner.tenant_id), event).await?;
                }
                Ok::<_, AuthnError>(created)
            })
            .await?;
        if created || self.identity.get_user(owner.tenant_id, owner.user_id).await?.is_some() {
            return Ok(true);
        }
        let (issuer, subject) = (identity.link_issuer(), identity.subject.clone());
        self.federation()?.links().delete_link(owner, issuer, subject).await?;
        Ok(false)
    }
}

fn request<'a>(call: &'a Call<'_>, identity: &'a FederatedIdentity) -> ProvisionRequest<'a> {
    ProvisionRequest { tenant_id: call.tenant_id, provider: &call.name, identity }
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> AuthnError {
    StoreError::new(StoreErrorKind::Backend, error).into()
}
