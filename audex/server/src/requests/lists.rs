use crate::{
    access::{Action, Caller, Proof, Subject},
    app::App,
    model::{ApiToken, Page, PageQuery, PendingRequest},
    problem::Problem,
    store::{RequestFilter, SessionFilter},
};
use audex_core::{
    Requester,
    session::{SessionId, SessionRecord},
};
use http::HeaderMap;

impl App {
    /// Finds what a whole id, or the beginning of one, is of.
    ///
    /// # Errors
    ///
    /// 404 unless it fits exactly one request or session. Whether the caller may know of it is still to be asked.
    pub async fn find_id(&self, prefix: &str) -> Result<SessionId, Problem> {
        if let Ok(id) = prefix.parse() {
            return Ok(id);
        }
        self.store.find_id(prefix).await?.ok_or_else(Problem::not_found)
    }

    /// Loads a request.
    ///
    /// # Errors
    ///
    /// 404 where there is none that the caller may know of.
    pub async fn request(&self, caller: &Caller, id: SessionId) -> Result<PendingRequest, Problem> {
        Ok(self.load_pending(caller, id).await?.0)
    }

    /// Lists the requests that wait, newest first: everybody's for those who may read or approve them, else the caller's own.
    ///
    /// # Errors
    ///
    /// A [`Problem`].
    pub async fn pending(&self, caller: &Caller, page: &PageQuery) -> Result<Page<PendingRequest>, Problem> {
        self.requests(caller, true, page).await
    }

    /// Lists requests, newest first: everybody's for those who may read or approve them, else the caller's own.
    ///
    /// # Errors
    ///
    /// A [`Problem`].
    pub async fn requests(
        &self,
        caller: &Caller,
        waiting_only: bool,
        page: &PageQuery,
    ) -> Result<Page<PendingRequest>, Problem> {
        let is_open = self.access.may(caller, Action::Read, &Subject::Requests).is_ok();
        // Whoever may be asked to agree sees what to: which of them, the policies say for each.
        let is_asked = self
            .settings
            .approvals()
            .is_some_and(|rules| rules.roles.iter().any(|role| caller.has_role(role)));
        let requester = if is_open || is_asked { None } else { Some(self.own(caller)?) };
        let mut listed = self.store.list_requests(&RequestFilter { requester, waiting_only }, page).await?;
        if !is_open {
            listed.items.retain(|one| self.access.may(caller, Action::Read, &Subject::Request(one)).is_ok());
        }
        Ok(listed)
    }

    /// Loads a session.
    ///
    /// # Errors
    ///
    /// 404 where there is none that the caller may know of.
    pub async fn session(&self, caller: &Caller, id: SessionId) -> Result<SessionRecord, Problem> {
        let record = self.store.session(id).await?.ok_or_else(Problem::not_found)?;
        self.access.may(caller, Action::Read, &Subject::Session(&record))?;
        Ok(record)
    }

    /// Lists sessions, newest first: everybody's for those who may read them, else the caller's own.
    ///
    /// Of those of others, whoever may not read them is told what they are told of somebody who has none.
    ///
    /// # Errors
    ///
    /// A [`Problem`].
    pub async fn sessions(
        &self,
        caller: &Caller,
        filter: SessionFilter,
        page: &PageQuery,
    ) -> Result<Page<SessionRecord>, Problem> {
        let is_open = self.access.may(caller, Action::Read, &Subject::Sessions).is_ok();
        let own = if is_open { None } else { Some(self.own(caller)?) };
        if own.is_some() && filter.identity.is_some() && filter.identity != own {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let identity = filter.identity.or(own);
        Ok(self.store.list_sessions(&SessionFilter { identity, ..filter }, page).await?)
    }

    /// Returns a caller who called a while ago, with these headers, as they are now.
    ///
    /// # Errors
    ///
    /// 401 where they are disabled, or their token was revoked or has ended, meanwhile; 503.
    pub async fn still(&self, mut caller: Caller, headers: &HeaderMap) -> Result<Caller, Problem> {
        let Some(user_id) = caller.user_id else {
            return self.access.workload_again(&caller, headers).await;
        };
        let person = self.store.person(user_id).await?.filter(|person| !person.is_disabled);
        let person = person.ok_or_else(Problem::unauthenticated)?;
        if let Proof::ApiToken { id, .. } = &caller.how {
            let now = self.clock.now();
            let works =
                |token: &ApiToken| token.id == *id && token.revoked_at.is_none() && now < token.expires_at;
            let mut page = PageQuery::default();
            loop {
                let tokens = self.store.list_tokens(Some(user_id), &page).await?;
                if tokens.items.iter().any(works) {
                    break;
                }
                page.after = Some(tokens.next.ok_or_else(Problem::unauthenticated)?);
            }
        }
        caller.requester = Requester::Principal { email: person.email, groups: person.groups };
        caller.roles = person.roles;
        Ok(caller)
    }

    /// Returns the caller's identity, where they may read what is their own.
    fn own(&self, caller: &Caller) -> Result<String, Problem> {
        let identity = caller.identity();
        self.access.may(caller, Action::Read, &Subject::Own(&identity))?;
        Ok(identity)
    }
}
