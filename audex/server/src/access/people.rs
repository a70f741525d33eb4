//! Who has an account, in which roles and groups, and until when.

mod admins;
mod words;

use super::{Access, Action, Caller, Subject, enrol, fault::problem, tokens};
use crate::{
    model::{MAX_PAGE, Page, PageQuery, Person, PersonKind},
    problem::Problem,
};
use audex_core::Requester;
use axess::{
    FactorKind, User, UserId,
    identity::{EmailAddress, Identifier, UserStatus},
    rng::random_array,
    store::{FactorStore, FederatedLinkStore as _, IdentityAdmin, IdentityLookup, Owner, SaveOutcome},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use words::operator;
pub(super) use words::{address, administered, changed, is_admin, names};

/// How long a one-time link works: for whoever is invited, for the first administrator, and for the one of `--dev`, whose link
/// stands in a terminal.
const INVITED: TimeDelta = TimeDelta::hours(72);
pub(super) const LONGEST_LINK: TimeDelta = INVITED;
const FIRST: TimeDelta = TimeDelta::hours(24);
const FIRST_OF_DEV: TimeDelta = TimeDelta::hours(1);
/// The most roles or groups of one account, and the longest name of one, in bytes.
pub const MAX_NAMES: usize = 50;
/// The longest name of a role or group, in bytes.
pub const MAX_NAME: usize = 128;
/// The role of those who administer.
pub(super) const ADMIN: &str = "admin";

/// Somebody who is to have an account.
///
/// ```
/// use audex_server::{access::people::NewPerson, model::PersonKind};
/// let build = NewPerson { roles: vec!["auditor".to_owned()], ..NewPerson::service("deploy") };
/// assert_eq!(build.kind, PersonKind::Service);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// The e-mail address; for a service its name, with or without `@services`.
    pub email: String,
    /// What they are called; the address where nothing is said.
    pub display_name: Option<String>,
    /// Whether they log in.
    pub kind: PersonKind,
    /// The teams, as in `team:devops`.
    pub groups: Vec<String>,
    /// In which roles they act.
    pub roles: Vec<String>,
}

/// What is to change of an account; nothing of what is `None`.
///
/// ```
/// use audex_server::access::people::PersonChange;
/// let off = PersonChange { is_disabled: Some(true), ..PersonChange::default() };
/// assert!(off.roles.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonChange {
    /// What they are called.
    pub display_name: Option<String>,
    /// The teams.
    pub groups: Option<Vec<String>>,
    /// The roles.
    pub roles: Option<Vec<String>>,
    /// Whether they can do nothing any more.
    pub is_disabled: Option<bool>,
}

/// A link that makes an account one's own.
///
/// It is a secret, and works once.
///
/// ```
/// fn mail(link: &audex_server::access::people::Link) -> String {
///     format!("open {} before {}", link.url, link.expires_at)
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// Where to go.
    pub url: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

impl NewPerson {
    /// Describes somebody who logs in.
    pub fn human(email: impl Into<String>) -> Self {
        Self {
            email: email.into(),
            display_name: None,
            kind: PersonKind::Human,
            groups: Vec::new(),
            roles: Vec::new(),
        }
    }

    /// Describes a service account.
    pub fn service(name: impl Into<String>) -> Self {
        Self { kind: PersonKind::Service, ..Self::human(name) }
    }
}

/// Adds somebody.
///
/// A person gets a link to enrol with; a service has no login, and gets tokens from an administrator.
///
/// # Errors
///
/// 403; 400 for what cannot be; 409 `conflict` where the address is taken; 503.
pub async fn add(
    access: &Access,
    caller: &Caller,
    new: NewPerson,
) -> Result<(Person, Option<Link>), Problem> {
    access.may(caller, Action::Administer, &Subject::People)?;
    access.add_person(&caller.requester, new, INVITED).await
}

/// Changes roles, groups or names, or disables an account.
///
/// To disable it ends its sessions and revokes its tokens before this returns; where that failed half-way, it may be done again.
///
/// # Errors
///
/// 403; 404; 400 for what cannot be; 409 `last_admin`, where nobody would be left who administers; 503.
pub async fn change(
    access: &Access,
    caller: &Caller,
    id: UserId,
    change: PersonChange,
) -> Result<Person, Problem> {
    access.may(caller, Action::Administer, &Subject::People)?;
    let _turn = access.people.lock().await;
    let before = access.store.person(id).await?.ok_or_else(Problem::not_found)?;
    let mut person = before.clone();
    if let Some(name) = change.display_name {
        person.display_name = tokens::name_of(&name)?;
    }
    if let Some(groups) = change.groups {
        person.groups = names("groups", groups)?;
        // To be shown a list, and to send it back with one more, makes none of it one's own gift.
        person.provider_groups.retain(|group| person.groups.contains(group));
    }
    if let Some(roles) = change.roles {
        person.roles = names("roles", roles)?;
    }
    person.is_disabled = change.is_disabled.unwrap_or(person.is_disabled);
    if is_admin(&before) && !is_admin(&person) && access.other_admins(id).await? == 0 {
        return Err(Problem::new(StatusCode::CONFLICT, "last_admin")
            .with_detail("nobody would be left who administers: make somebody else an administrator first"));
    }
    let who = &caller.requester;
    if person != before {
        access.store.save_person(who, &person, changed(&before, &person)).await?;
    }
    // Also where the account says so already: it may have failed half-way the last time.
    match change.is_disabled {
        Some(true) => access.shut_out(who, &person).await?,
        Some(false) => access.let_back(who, &person).await?,
        None => {}
    }
    Ok(person)
}

/// Gives somebody a new link, and takes what they log in with.
///
/// That is: password, authenticator app, recovery codes, their identity at the identity provider with the groups it gave them,
/// sessions.
///
/// # Errors
///
/// 403; 404; 409 `disabled`, 409 `no_login` for a service; 503.
pub async fn reinvite(access: &Access, caller: &Caller, id: UserId) -> Result<Link, Problem> {
    access.may(caller, Action::Administer, &Subject::People)?;
    let person = access.store.person(id).await?.ok_or_else(Problem::not_found)?;
    let link = access.invite(&caller.requester, &person).await?;
    access.forget_provider(&caller.requester, id).await?;
    Ok(link)
}

/// Lists accounts, newest first.
///
/// # Errors
///
/// 403; 400 for a page that is none; 503.
pub async fn list(access: &Access, caller: &Caller, page: &PageQuery) -> Result<Page<Person>, Problem> {
    access.may(caller, Action::Read, &Subject::People)?;
    Ok(access.store.list_people(page).await?)
}

impl Access {
    /// Invites somebody who has an account, anew: what they logged in with counts no longer.
    ///
    /// # Errors
    ///
    /// 409 `disabled`, 409 `no_login` for a service; 503.
    pub async fn invite(&self, who: &Requester, person: &Person) -> Result<Link, Problem> {
        self.invite_for(who, person, INVITED).await
    }

    async fn invite_for(&self, who: &Requester, person: &Person, lasts: TimeDelta) -> Result<Link, Problem> {
        if person.kind == PersonKind::Service {
            return Err(
                Problem::new(StatusCode::CONFLICT, "no_login").with_detail("a service does not log in")
            );
        }
        if person.is_disabled {
            return Err(
                Problem::new(StatusCode::CONFLICT, "disabled").with_detail("enable the account first")
            );
        }
        let owner = self.owner(person.user_id);
        let operator = operator(who, "invited anew");
        // First of all: a browser that used the link before must not set a password after this took it.
        enrol::let_go(self, person.user_id).await?;
        self.service.reset_password(self.sessions(), owner, &operator).await.map_err(problem)?;
        for kind in [FactorKind::Totp, FactorKind::RecoveryCode] {
            self.service.reset_factor(self.sessions(), owner, kind, &operator).await.map_err(problem)?;
        }
        self.links.delete_for_user(owner).await.map_err(problem)?;
        // An enrolment that was broken off left the password alone to be asked for.
        super::login::ask_for_both(self, owner).await?;
        self.link_for(who, person, "person.invited_anew", lasts).await
    }

    /// Takes the groups that somebody has by the word of a provider, whom they have nothing to do with any more.
    async fn forget_provider(&self, who: &Requester, id: UserId) -> Result<(), Problem> {
        let _turn = self.people.lock().await;
        let Some(before) = self.store.person(id).await? else { return Ok(()) };
        let mut person = before.clone();
        person.groups.retain(|group| !before.provider_groups.contains(group));
        person.provider_groups.clear();
        if person != before {
            self.store.save_person(who, &person, changed(&before, &person)).await?;
        }
        Ok(())
    }

    async fn add_person(
        &self,
        who: &Requester,
        new: NewPerson,
        lasts: TimeDelta,
    ) -> Result<(Person, Option<Link>), Problem> {
        let email = address(&new.email, new.kind)?;
        let display_name = match new.display_name {
            Some(name) => tokens::name_of(&name)?,
            None => email.clone(),
        };
        let now = self.clock.now();
        let mut person = Person {
            user_id: UserId::generate(now, &*self.rng),
            email,
            display_name,
            kind: new.kind,
            groups: names("groups", new.groups)?,
            provider_groups: Vec::new(),
            roles: names("roles", new.roles)?,
            is_disabled: false,
            created_at: now,
        };
        let taken = || {
            Problem::new(StatusCode::CONFLICT, "conflict").with_detail("somebody has this address already")
        };
        if self.store.person_by_email(&person.email).await?.is_some() {
            return Err(taken());
        }
        if person.kind == PersonKind::Human {
            person.user_id = self.create_account(&person).await?.ok_or_else(taken)?;
        }
        let detail = format!("roles: {}; groups: {}", person.roles.join(" "), person.groups.join(" "));
        self.store.insert_person(who, &person, administered("person.added", &person.email, detail)).await?;
        let link = match person.kind {
            PersonKind::Human => Some(self.link_for(who, &person, "person.invited", lasts).await?),
            PersonKind::Service => None,
        };
        Ok((person, link))
    }

    /// Creates what the login knows, and returns its id; `None` where the address is somebody's.
    ///
    /// An account that is nobody's is taken over: the server stopped before it wrote down whose it is.
    async fn create_account(&self, person: &Person) -> Result<Option<UserId>, Problem> {
        let fault = |_| Problem::invalid("email", "this is no e-mail address");
        let identifier =
            Identifier::parse_new(&person.email).map_err(|why| Problem::invalid("email", why.to_string()))?;
        let user = User {
            user_id: person.user_id,
            tenant_id: self.tenant_id,
            identifier: identifier.clone(),
            display_name: Some(person.display_name.clone()),
            email: Some(person.email.parse::<EmailAddress>().map_err(fault)?),
            email_verified: true,
            status: UserStatus::Active,
            created_at: person.created_at,
        };
        let accounts = self.service.identity();
        if accounts.create_user(user).await.map_err(problem)? == SaveOutcome::Saved {
            return Ok(Some(person.user_id));
        }
        let known = accounts.find_user(self.tenant_id, identifier).await.map_err(problem)?;
        let Some(known) = known.filter(|known| known.status == UserStatus::Active) else { return Ok(None) };
        let factors = self.service.factors().find_factors(self.tenant_id, known.user_id).await;
        if !factors.map_err(problem)?.is_empty() || self.store.person(known.user_id).await?.is_some() {
            return Ok(None);
        }
        tracing::warn!(account = %known.user_id, "an account that was nobody's is taken over");
        Ok(Some(known.user_id))
    }

    async fn link_for(
        &self,
        who: &Requester,
        person: &Person,
        action: &str,
        lasts: TimeDelta,
    ) -> Result<Link, Problem> {
        if !self.offer().local {
            // There is nothing to enrol: whoever has the address signs in at the provider.
            return Ok(Link { url: self.link("/login"), expires_at: self.clock.now() + lasts });
        }
        let token = URL_SAFE_NO_PAD.encode(random_array::<32>(&*self.rng));
        let digest = enrol::digest(&token).ok_or_else(Problem::internal)?;
        let expires_at = self.clock.now() + lasts;
        let event = administered(action, &person.email, format!("until {expires_at}"));
        enrol::hold_for(self, person.user_id, &digest).await?;
        self.store.insert_invitation(who, digest, person.user_id, expires_at, event).await?;
        Ok(Link { url: self.link(&format!("/enrol/{token}")), expires_at })
    }

    /// Ends what a disabled account has. It is marked already: nothing of it works while this runs.
    async fn shut_out(&self, who: &Requester, person: &Person) -> Result<(), Problem> {
        if person.kind == PersonKind::Human {
            let (id, operator) = (person.user_id, operator(who, "disabled"));
            let ended = self.service.suspend_user(self.sessions(), self.tenant_id, id, &operator).await;
            ended.map_err(problem)?;
        }
        let mut page = PageQuery { limit: Some(MAX_PAGE), after: None };
        loop {
            let tokens = self.store.list_tokens(Some(person.user_id), &page).await?;
            let now = self.clock.now();
            for token in tokens.items.iter().filter(|token| tokens::works(token, now)) {
                let detail = format!("{} was disabled", person.email);
                let event = administered("token.revoked", &token.id.to_string(), detail);
                self.store.revoke_token(who, token.id, now, event).await?;
            }
            if tokens.next.is_none() {
                return Ok(());
            }
            page.after = tokens.next;
        }
    }

    async fn let_back(&self, who: &Requester, person: &Person) -> Result<(), Problem> {
        if person.kind == PersonKind::Service {
            return Ok(());
        }
        let known = self.service.identity().get_user(self.tenant_id, person.user_id).await;
        if known.map_err(problem)?.is_some_and(|known| known.status == UserStatus::Active) {
            return Ok(());
        }
        let operator = operator(who, "enabled");
        self.service.unsuspend_user(self.tenant_id, person.user_id, &operator).await.map_err(problem)
    }

    fn owner(&self, user_id: UserId) -> Owner {
        Owner { tenant_id: self.tenant_id, user_id }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
