//! Who administers: the first, and that there is always one.

use super::{ADMIN, FIRST, FIRST_OF_DEV, Link, NewPerson, words::is_admin};
use crate::{
    access::{Access, fault::problem, open::lockout, sso},
    model::{MAX_PAGE, PageQuery, Person},
    problem::Problem,
};
use audex_core::Requester;
use axess::{
    FactorKind, UserId,
    identity::AttemptId,
    store::{
        AttemptOutcome, AttemptRequest, FactorStore, FederatedLinkStore as _, IdentityAuthnLog, Owner,
        Reservation,
    },
};

impl Access {
    /// Makes the first administrator, where nobody administers yet, and returns the link to enrol with.
    ///
    /// Where one was made and never enrolled, they get a new link; and so does one who did enrol where nobody who administers
    /// can log in any more, because strangers failed at it until the accounts were locked. They are invited anew with it.
    ///
    /// # Errors
    ///
    /// 400 for an address that is none; 503.
    pub async fn first_admin(&self, email: &str) -> Result<Option<Link>, Problem> {
        let who = Requester::Workload {
            issuer: self.origin.as_str().to_owned(),
            subject: "server".to_owned(),
            groups: Vec::new(),
        };
        let lasts = if self.settings.is_dev { FIRST_OF_DEV } else { FIRST };
        let (locked, waiting) = {
            let _turn = self.people.lock().await;
            let mut admins = Vec::new();
            self.each_person(|person| admins.extend(is_admin(&person).then_some(person))).await?;
            let mut locked = None;
            for admin in &admins {
                if self.is_linked(admin.user_id).await? {
                    return Ok(None);
                }
                if !self.offer().local || !self.is_enrolled(admin.user_id).await? {
                    continue;
                }
                if !self.is_locked(admin.user_id).await? {
                    return Ok(None);
                }
                locked.get_or_insert_with(|| admin.clone());
            }
            (locked, admins.into_iter().next())
        };
        if let Some(admin) = locked {
            tracing::warn!(admin = admin.email, "everybody who administers is locked: one is invited anew");
            return self.invite_for(&who, &admin, lasts).await.map(Some);
        }
        if let Some(admin) = waiting {
            return self.link_for(&who, &admin, "person.invited_anew", lasts).await.map(Some);
        }
        let new = NewPerson { roles: vec![ADMIN.to_owned()], ..NewPerson::human(email) };
        Ok(self.add_person(&who, new, lasts).await?.1)
    }

    /// Counts who else could administer now: has the role, and can log in.
    pub(in crate::access) async fn other_admins(&self, than: UserId) -> Result<usize, Problem> {
        let mut admins = Vec::new();
        self.each_person(|person| {
            if person.user_id != than && is_admin(&person) {
                admins.push(person.user_id);
            }
        })
        .await?;
        let mut able = 0;
        for admin in admins {
            able += usize::from(self.can_log_in(admin).await?);
        }
        Ok(able)
    }

    pub(in crate::access) async fn is_enrolled(&self, id: UserId) -> Result<bool, Problem> {
        let factors = self.service.factors().find_factors(self.tenant_id, id).await.map_err(problem)?;
        Ok(factors.contains(&FactorKind::Totp))
    }

    /// Tells whether somebody could log in, as the settings are.
    async fn can_log_in(&self, id: UserId) -> Result<bool, Problem> {
        Ok(self.offer().local && self.is_enrolled(id).await? || self.is_linked(id).await?)
    }

    /// Tells whether somebody has an identity at the identity provider, and that may be used.
    async fn is_linked(&self, id: UserId) -> Result<bool, Problem> {
        let owner = Owner { tenant_id: self.tenant_id, user_id: id };
        if self.sso.is_none() {
            return Ok(false);
        }
        let links = self.links.find_links(owner).await.map_err(problem)?;
        Ok(links.iter().any(|link| link.provider.as_str() == sso::NAME))
    }

    /// Tells whether an account is locked until it is invited anew: the password, or both that can come after it.
    async fn is_locked(&self, id: UserId) -> Result<bool, Problem> {
        let password = self.is_factor_locked(id, FactorKind::Password).await?;
        Ok(password
            || self.is_factor_locked(id, FactorKind::Totp).await?
                && self.is_factor_locked(id, FactorKind::RecoveryCode).await?)
    }

    async fn is_factor_locked(&self, id: UserId, factor: FactorKind) -> Result<bool, Problem> {
        let now = self.clock.now();
        let attempt = AttemptRequest {
            attempt_id: AttemptId::generate(now, &*self.rng),
            tenant_id: self.tenant_id,
            user_id: id,
            factor,
            client_ip: None,
            trusted_device: None,
            at: now,
            default_policy: lockout(),
        };
        let accounts = self.service.identity();
        match accounts.reserve_attempt(attempt.clone()).await.map_err(problem)? {
            Reservation::Locked { until } => Ok(until.is_none()),
            Reservation::Granted { .. } => {
                accounts.settle_attempt(attempt, AttemptOutcome::Abandoned).await.map_err(problem)?;
                Ok(false)
            }
        }
    }

    async fn each_person(&self, mut see: impl FnMut(Person)) -> Result<(), Problem> {
        let mut page = PageQuery { limit: Some(MAX_PAGE), after: None };
        loop {
            let people = self.store.list_people(&page).await?;
            people.items.into_iter().for_each(&mut see);
            if people.next.is_none() {
                return Ok(());
            }
            page.after = people.next;
        }
    }
}
