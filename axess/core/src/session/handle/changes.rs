//! What an application writes through the handle: kept until the request ends, replayed when a write loses a race.

use super::SessionHandle;
use crate::session::{Change, SessionError, WorkflowKind};
use axess_identity::{TenantId, UserId};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

impl SessionHandle {
    /// Reads a custom value.
    ///
    /// # Errors
    ///
    /// [`SessionError::CustomData`] when the value is of another shape.
    pub fn get_custom<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SessionError> {
        let data = Arc::clone(&self.live().data);
        data.custom.get(key).map(T::deserialize).transpose().map_err(SessionError::CustomData)
    }

    /// Writes a custom value.
    ///
    /// All custom data of a session together is limited to [`crate::session::MAX_CUSTOM_BYTES`].
    ///
    /// # Errors
    ///
    /// [`SessionError::CustomDataTooLarge`], leaving the session as it was; [`SessionError::CustomData`] when the value
    /// cannot be represented as JSON.
    pub fn set_custom<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), SessionError> {
        let value = serde_json::to_value(value).map_err(SessionError::CustomData)?;
        self.record(Change::SetCustom(key.to_owned(), value))
            .then_some(())
            .ok_or(SessionError::CustomDataTooLarge)
    }

    /// Removes a custom value.
    pub fn remove_custom(&self, key: &str) {
        if self.live().data.custom.contains_key(key) {
            self.record(Change::RemoveCustom(key.to_owned()));
        }
    }

    /// Names the user without any proof: the first page of a two-page login.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotAllowed`] unless the session is a guest's.
    pub fn set_identifying(&self, tenant_id: TenantId, user_id: UserId) -> Result<(), SessionError> {
        self.record(Change::Identify { tenant_id, user_id }).then_some(()).ok_or(SessionError::NotAllowed)
    }

    /// Begins one of the application's own ceremonies.
    ///
    /// An authenticated user's session goes back to being authenticated when it is completed; anybody else's goes back to
    /// being a guest's.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotAllowed`] when somebody else is authenticated in this session.
    pub fn set_pending_workflow(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        kind: WorkflowKind,
        total_steps: u32,
    ) -> Result<(), SessionError> {
        let change = Change::StartWorkflow { tenant_id, user_id, kind, total_steps };
        self.record(change).then_some(()).ok_or(SessionError::NotAllowed)
    }

    /// Moves the current ceremony one step on.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotAllowed`] when there is none, it is at its last step, or it has taken too long.
    pub fn advance_workflow(&self) -> Result<(), SessionError> {
        self.record(Change::AdvanceWorkflow).then_some(()).ok_or(SessionError::NotAllowed)
    }

    /// Binds the session to this request's fingerprint, which is the same browser's under a newer key.
    pub fn rebind_fingerprint(&self) {
        if let Some(digest) = self.context().fingerprint {
            self.record(Change::BindFingerprint(digest));
        }
    }

    /// Remembers that this request's browser is not the session's; tells whether that is news.
    #[must_use]
    pub fn report_foreign(&self) -> bool {
        let Some(digest) = self.context().fingerprint else { return true };
        let news = self.live().data.foreign != Some(digest);
        news && self.record(Change::ReportForeign(digest))
    }
}
