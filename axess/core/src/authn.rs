//! The vocabulary of a login: methods and their steps, scopes, credentials, outcomes and errors.

mod credential;
mod error;
mod factor;
mod method;
mod outcome;
mod scope;

pub use credential::FactorCredential;
pub use error::{AuthnError, Fault};
pub use factor::{FactorConfig, FactorPolicy, OtpPolicy, PasswordRecord};
pub use method::{FactorStep, Method, MethodError};
pub use outcome::{
    EmailVerificationOutcome, EnrolmentOutcome, FactorOutcome, LogoutOutcome, PasswordChangeOutcome,
    PasswordResetOutcome, SignupOutcome,
};
pub use scope::{AuthnScope, ScopeColumns};
