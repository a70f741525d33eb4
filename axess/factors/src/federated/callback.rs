use super::FederationError;
use std::fmt;

/// The most parameters a callback may carry.
pub const MAX_CALLBACK_PARAMETERS: usize = 64;
/// The most bytes the names and values of a callback may have together.
pub const MAX_CALLBACK_BYTES: usize = 512 * 1024;

/// How the browser came back.
///
/// ```
/// use axess_factors::federated::CallbackMethod;
/// assert_ne!(CallbackMethod::Get, CallbackMethod::Post);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallbackMethod {
    /// With the parameters in the query.
    Get,
    /// With the parameters in a form.
    Post,
}

/// What came back from a provider, decoded but untrusted: parameters in order, duplicates kept.
///
/// ```
/// use axess_factors::federated::{CallbackMethod, CallbackResponse};
/// let back = CallbackResponse::new(
///     CallbackMethod::Get,
///     [("code", "SplxlOBeZQQYbYS6WxSbIA"), ("state", "af0ifjsldkj")],
/// )?;
/// assert_eq!(back.get("state")?, Some("af0ifjsldkj"));
/// assert_eq!(back.get("error")?, None);
/// assert!(!format!("{back:?}").contains("SplxlOBeZQQYbYS6WxSbIA"));
/// # Ok::<(), axess_factors::federated::FederationError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackResponse {
    /// The parameters: at most [`MAX_CALLBACK_PARAMETERS`], of together [`MAX_CALLBACK_BYTES`].
    pub parameters: Vec<(String, String)>,
    /// How they came.
    pub method: CallbackMethod,
}

impl CallbackResponse {
    /// Collects parameters, as long as they are within the limits.
    ///
    /// # Errors
    ///
    /// [`FederationError::Malformed`] when there are too many, or too much of them.
    pub fn new<N, V>(
        method: CallbackMethod,
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FederationError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut kept: Vec<(String, String)> = Vec::new();
        let mut room = MAX_CALLBACK_BYTES;
        for (name, value) in parameters {
            let (name, value) = (name.into(), value.into());
            let left = room.checked_sub(name.len() + value.len());
            let (Some(left), true) = (left, kept.len() < MAX_CALLBACK_PARAMETERS) else {
                return Err(TOO_LARGE);
            };
            room = left;
            kept.push((name, value));
        }
        Ok(Self { parameters: kept, method })
    }

    /// Returns the value of a parameter that must not come twice (RFC 6749 §3.1).
    ///
    /// # Errors
    ///
    /// [`FederationError::Malformed`] when it comes more than once.
    pub fn get(&self, name: &str) -> Result<Option<&str>, FederationError> {
        let mut values = self.parameters.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(FederationError::Malformed { what: "a parameter comes twice" }),
            (value, None) => Ok(value.map(String::as_str)),
        }
    }

    /// Checks the limits, which a value that was put together field by field may exceed.
    pub(super) fn check(&self) -> Result<(), FederationError> {
        let bytes: usize = self.parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
        let fits = self.parameters.len() <= MAX_CALLBACK_PARAMETERS && bytes <= MAX_CALLBACK_BYTES;
        fits.then_some(()).ok_or(TOO_LARGE)
    }
}

impl fmt::Debug for CallbackResponse {
    /// Leaves out the values: codes and assertions are credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name).collect();
        f.debug_struct("CallbackResponse").field("method", &self.method).field("parameters", &names).finish()
    }
}

const TOO_LARGE: FederationError =
    FederationError::Malformed { what: "too many parameters, or too large ones" };
