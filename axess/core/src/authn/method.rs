use axess_identity::{FactorKind, ProviderName};
use axess_strings::SharedStr;
use serde::{Deserialize, Serialize};

/// The most steps a method may have.
const MAX_STEPS: usize = 8;
/// The most choices a step may offer.
const MAX_CHOICES: usize = 8;
/// The longest method name, in bytes.
const MAX_NAME: usize = 64;

/// One position in a method: the factor that must, or the factors of which one must, be verified there.
///
/// ```
/// use axess_core::authn::FactorStep;
/// use axess_identity::FactorKind;
/// let step = FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::EmailOtp]);
/// assert!(step.admits(&FactorKind::Totp));
/// assert!(!step.admits(&FactorKind::Password));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorStep {
    /// Exactly this factor.
    Required(FactorKind),
    /// One of these, as the user chooses.
    AnyOf(Vec<FactorKind>),
}

/// A named sequence of steps that together are a login.
///
/// ```
/// use axess_core::authn::{FactorStep, Method};
/// use axess_identity::FactorKind;
/// let method = Method {
///     name: "password-then-second-factor".into(),
///     steps: vec![
///         FactorStep::Required(FactorKind::Password),
///         FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::RecoveryCode]),
///     ],
/// };
/// assert!(method.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// The stable name that sessions and the audit trail record.
    pub name: SharedStr,
    /// The steps in order.
    pub steps: Vec<FactorStep>,
}

/// Says what is wrong with a method.
///
/// ```
/// use axess_core::authn::{Method, MethodError};
/// let empty = Method { name: "nothing".into(), steps: vec![] };
/// assert_eq!(empty.check(), Err(MethodError::NoSteps));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// The name is empty or longer than 64 bytes.
    #[error("a method name has 1 to 64 bytes")]
    Name,
    /// There is no step, so anybody would be logged in.
    #[error("a method needs at least one step")]
    NoSteps,
    /// More than 8 steps, or more than 8 choices in one.
    #[error("a method has at most 8 steps of at most 8 choices")]
    TooLong,
    /// A choice without choices can never be completed.
    #[error("a step must name at least one factor")]
    EmptyStep,
    /// One factor cannot count twice.
    #[error("a factor may be required by one step only")]
    RepeatedFactor,
}

impl FactorStep {
    /// Returns the factors that would complete this step.
    #[must_use]
    pub fn kinds(&self) -> &[FactorKind] {
        match self {
            Self::Required(kind) => std::slice::from_ref(kind),
            Self::AnyOf(kinds) => kinds,
        }
    }

    /// Tells whether `kind` would complete this step.
    #[must_use]
    pub fn admits(&self, kind: &FactorKind) -> bool {
        self.kinds().contains(kind)
    }
}

impl Method {
    /// Returns the one-step method `password`.
    #[must_use]
    pub fn password() -> Self {
        Self { name: "password".into(), steps: vec![FactorStep::Required(FactorKind::Password)] }
    }

    /// Returns the two-step method `password-then-totp`; a recovery code may stand in for the second step.
    #[must_use]
    pub fn password_then_totp() -> Self {
        Self {
            name: "password-then-totp".into(),
            steps: vec![
                FactorStep::Required(FactorKind::Password),
                FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::RecoveryCode]),
            ],
        }
    }

    /// Returns the one-step method of a login at the identity provider of this name, such as `federated:google`.
    ///
    /// Push further steps to ask for a local factor after it.
    ///
    /// ```
    /// use axess_core::authn::{FactorStep, Method};
    /// use axess_identity::FactorKind;
    /// let mut method = Method::federated(&"okta".parse().unwrap());
    /// assert_eq!(method.name, "federated:okta");
    /// method.steps.push(FactorStep::Required(FactorKind::Totp));
    /// assert!(method.check().is_ok());
    /// ```
    #[must_use]
    pub fn federated(provider: &ProviderName) -> Self {
        let name: String = format!("federated:{provider}").chars().take(MAX_NAME).collect();
        let kind = axess_factors::federated::federated_kind(provider);
        Self { name: name.as_str().into(), steps: vec![FactorStep::Required(kind)] }
    }

    /// Checks that the method can be completed and is not longer than allowed.
    ///
    /// # Errors
    ///
    /// The first fault found.
    pub fn check(&self) -> Result<(), MethodError> {
        if self.name.is_empty() || self.name.len() > MAX_NAME {
            return Err(MethodError::Name);
        }
        if self.steps.is_empty() {
            return Err(MethodError::NoSteps);
        }
        if self.steps.len() > MAX_STEPS || self.steps.iter().any(|step| step.kinds().len() > MAX_CHOICES) {
            return Err(MethodError::TooLong);
        }
        if self.steps.iter().any(|step| step.kinds().is_empty()) {
            return Err(MethodError::EmptyStep);
        }
        let required: Vec<_> =
            self.steps.iter().filter(|step| step.kinds().len() == 1).flat_map(FactorStep::kinds).collect();
        if required
            .iter()
            .enumerate()
            .any(|(at, kind)| required.iter().skip(at + 1).any(|other| other == kind))
        {
            return Err(MethodError::RepeatedFactor);
        }
        Ok(())
    }

    /// Tells whether `kind` alone completes the method.
    #[must_use]
    pub fn is_sole_factor(&self, kind: &FactorKind) -> bool {
        matches!(self.steps.as_slice(), [step] if step.admits(kind))
    }
}
