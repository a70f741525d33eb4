use super::{AuthzSession, AuthzUnavailable, record};
use crate::{ActionUid, FilterError, RowFilter, RowMapping};

/// Says why a list cannot be filtered.
///
/// ```
/// use axess_authz::{AuthzListError, FilterError};
/// let error = AuthzListError::from(FilterError::TooLarge);
/// assert_eq!(error.to_string(), "the policies cannot be turned into a filter");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum AuthzListError {
    /// The policies ask something that columns cannot answer: a fault of policies or mapping, not of the caller.
    #[error("the policies cannot be turned into a filter")]
    Filter(#[from] FilterError),
    /// There is no decision (503).
    #[error(transparent)]
    Unavailable(#[from] AuthzUnavailable),
}

impl AuthzSession {
    /// Turns the policies into a condition on the rows that the principal may do `action` to.
    ///
    /// The provider is asked about the principal alone. The list is one decision, recorded as one event.
    ///
    /// # Errors
    ///
    /// [`AuthzListError::Filter`] when the policies cannot be translated exactly; no rows may be shown then.
    pub async fn list_filter(
        &self,
        action: impl Into<ActionUid>,
        rows: &RowMapping,
    ) -> Result<RowFilter, AuthzListError> {
        let action = action.into();
        let facts = self.load(&action, &[]).await?;
        let filter = self.policies().list_filter(&self.uid, &action, &self.context, &facts.graph, rows);
        record::list(self, &action, rows, &filter).await?;
        Ok(filter?)
    }
}
