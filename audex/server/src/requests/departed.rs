//! What somebody leaves whose account is disabled: sessions are ended, and requests that are open are taken back.

use super::vote::TRIES;
use crate::{
    access::{
        Caller,
        people::{self, PersonChange},
    },
    app::App,
    model::{MAX_PAGE, PageQuery, Person},
    notify::Notice,
    problem::Problem,
    store::{SessionFilter, StoreFault},
};
use audex_core::{
    Requester,
    audit::BrokerEvent,
    session::{SessionId, SessionStatus},
};
use axess::UserId;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// When what is left is looked for after an account was disabled: again for what was under way then, and where ending it failed.
const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(5), Duration::from_secs(60)];

/// Why it ends.
const REASON: &str = "the account was disabled";

/// What ends with an account.
///
/// ```
/// let ended = audex_server::requests::Ended { sessions: 2, requests: 0, left: vec![] };
/// assert_eq!(ended.sessions, 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How many active sessions are being ended.
    pub sessions: usize,
    /// How many requests were taken back.
    pub requests: usize,
    /// What does not end: the tokens that they made for service accounts, whose secrets they may have kept.
    pub left: Vec<LeftToken>,
}

/// A token of a service account that works on, when the account of whoever made it is disabled.
///
/// ```
/// fn says(token: &audex_server::requests::LeftToken) -> String {
///     format!("{} of {}", token.name, token.owner)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftToken {
    /// Which one.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// The address of whose it is.
    pub owner: String,
}

impl App {
    /// Changes an account, as [`people::change`] does.
    ///
    /// To disable it also takes back its requests that wait or were not picked up, before this returns, and begins to end its
    /// active sessions; it says how many, and which tokens of service accounts work on that they made.
    ///
    /// # Errors
    ///
    /// Those of [`people::change`].
    pub async fn change_person(
        self: &Arc<Self>,
        caller: &Caller,
        id: UserId,
        change: PersonChange,
    ) -> Result<(Person, Option<Ended>), Problem> {
        let disables = change.is_disabled == Some(true);
        let person = people::change(&self.access, caller, id, change).await?;
        if !disables {
            return Ok((person, None));
        }
        let who = caller.requester.clone();
        let requests = self.take_back_all(&who, &person).await?;
        let sessions = self.active_of(&person).await?.len();
        let (app, departed) = (Arc::downgrade(self), person.clone());
        let mut over = self.end.subscribe();
        tokio::spawn(async move {
            for wait in LOOKS {
                tokio::select! {
                    _ = over.wait_for(|is_over| *is_over) => return,
                    () = tokio::time::sleep(wait) => {}
                }
                let Some(app) = app.upgrade() else { return };
                app.end_all(&who, departed.user_id).await;
            }
        });
        let left = self.left_by(&person).await?;
        Ok((person, Some(Ended { sessions, requests, left })))
    }

    /// Lists the tokens that somebody made for service accounts, and that work.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn left_by(&self, person: &Person) -> Result<Vec<LeftToken>, StoreFault> {
        let mut left = Vec::new();
        for token in self.store.tokens_for_others(person.user_id, self.clock.now()).await? {
            let owner = self.store.person(token.owner).await?.map(|owner| owner.email).unwrap_or_default();
            left.push(LeftToken { id: token.id, name: token.name, owner });
        }
        Ok(left)
    }

    /// Ends what accounts have left that were disabled before this server began: the one before it may not have come to it.
    pub(crate) async fn end_of_disabled(&self) {
        let who = Requester::Workload {
            issuer: self.settings.public_url.clone(),
            subject: "server".to_owned(),
            groups: Vec::new(),
        };
        let mut page = PageQuery { limit: Some(MAX_PAGE), after: None };
        loop {
            let people = match self.store.list_people(&page).await {
                Ok(people) => people,
                Err(error) => return unended(&error),
            };
            for person in people.items.iter().filter(|person| person.is_disabled) {
                self.end_all(&who, person.user_id).await;
            }
            if people.next.is_none() {
                return;
            }
            page.after = people.next;
        }
    }

    /// Ends everything of an account that is still disabled.
    async fn end_all(&self, who: &Requester, id: UserId) {
        let person = match self.store.person(id).await {
            Ok(Some(person)) if person.is_disabled => person,
            Ok(_) => return,
            Err(error) => return unended(&error),
        };
        if let Err(problem) = self.take_back_all(who, &person).await {
            tracing::warn!(code = problem.code(), "requests of a disabled account stay");
        }
        let active = match self.active_of(&person).await {
            Ok(active) => active,
            Err(error) => return unended(&error),
        };
        for id in active {
            let revoked = match self.store.hold(id).await {
                Ok(hold) => self.issuer.revoke(who, id, Some(REASON), hold).await.map(drop),
                Err(error) => return unended(&error),
            };
            match revoked {
                Ok(()) => self.changes.tell(id),
                Err(error) => unended(&error),
            }
        }
    }

    async fn active_of(&self, person: &Person) -> Result<Vec<SessionId>, StoreFault> {
        let filter =
            SessionFilter { identity: Some(person.email.clone()), status: Some(SessionStatus::Active) };
        let (mut page, now) = (PageQuery { limit: Some(MAX_PAGE), after: None }, self.clock.now());
        let mut active = Vec::new();
        loop {
            let sessions = self.store.list_sessions(&filter, &page).await?;
            let alive = sessions.items.iter().filter(|record| now < record.deadline);
            active.extend(alive.map(|record| record.session_id));
            if sessions.next.is_none() {
                return Ok(active);
            }
            page.after = sessions.next;
        }
    }

    /// Takes back the open requests of an account: those that it asked, and those that a token asked that it made.
    async fn take_back_all(&self, who: &Requester, person: &Person) -> Result<usize, Problem> {
        let mut taken = 0;
        for id in self.store.open_requests(person, self.clock.now()).await? {
            taken += usize::from(self.take_back(who, id).await?);
        }
        if taken > 0 {
            self.notifier.wake();
        }
        Ok(taken)
    }

    async fn take_back(&self, who: &Requester, id: SessionId) -> Result<bool, Problem> {
        for _ in 0..TRIES {
            let Some((mut pending, version)) = self.store.load_request(id).await? else { return Ok(false) };
            if pending.approval.withdraw(self.clock.now()).is_err() {
                // It was decided meanwhile, and what came of it is ended as a session.
                return Ok(false);
            }
            let event = BrokerEvent::ApprovalWithdrawn { session_id: id, reason: Some(REASON.to_owned()) };
            let notices = self.notifier.notices(Notice::Decided(&pending));
            if self.store.save_request(version, &pending, who, event, notices).await? {
                self.changes.tell(id);
                return Ok(true);
            }
        }
        Err(super::vote::busy())
    }
}

fn unended(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "what a disabled account has left cannot be ended; it is tried again");
}
