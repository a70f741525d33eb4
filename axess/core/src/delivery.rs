//! How codes reach their users: the application sends the mail, the service says what is in it.

use axess_identity::{EmailAddress, OtpCode, TenantId};
use chrono::{DateTime, Utc};
use std::{future::Future, pin::Pin};

/// Sends a code to a user.
///
/// The service calls it in the background, so that an answer takes as long for an address that exists as for one that
/// does not. An implementation should retry by itself and must not log the code.
///
/// ```
/// use axess_core::delivery::{CodeDelivery, DeliveryError, OutboundMail};
/// use std::{future::Future, pin::Pin};
/// struct Print;
/// impl CodeDelivery for Print {
///     fn deliver(&self, mail: OutboundMail) -> Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + '_>> {
///         Box::pin(async move {
///             println!("mail for {}", mail.to);
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait CodeDelivery: Send + Sync + 'static {
    /// Sends one mail.
    fn deliver(
        &self,
        mail: OutboundMail,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + '_>>;
}

/// One mail to send.
///
/// ```
/// # use axess_core::delivery::{MailPurpose, OutboundMail};
/// # use axess_identity::TenantId;
/// let mail = OutboundMail {
///     tenant_id: TenantId::from_parts(0, [0; 10]),
///     to: "alice@example.com".parse().unwrap(),
///     purpose: MailPurpose::Login,
///     code: Some("12345678".into()),
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert!(!format!("{mail:?}").contains("12345678"));
/// ```
#[derive(Debug, Clone)]
pub struct OutboundMail {
    /// The tenant, for its templates.
    pub tenant_id: TenantId,
    /// The stored address of the account, never one a request brought along (but for a sign-up, whose point it is).
    pub to: EmailAddress,
    /// What the mail is about.
    pub purpose: MailPurpose,
    /// The code; `None` for a notice.
    pub code: Option<OtpCode>,
    /// When the code stops working.
    pub expires_at: DateTime<Utc>,
}

/// What a mail is about.
///
/// ```
/// use axess_core::delivery::MailPurpose;
/// assert_ne!(MailPurpose::Login, MailPurpose::PasswordReset);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailPurpose {
    /// A code for a login step.
    Login,
    /// A code that proves the address of a new account.
    Signup,
    /// A notice: somebody tried to sign up with an address that has an account.
    SignupExists,
    /// A code that proves a changed address.
    EmailVerification,
    /// A code that allows setting a new password.
    PasswordReset,
    /// A notice: an operator made the password useless; a new one must be set.
    PasswordWasReset,
}

/// Says that a code was not handed over.
///
/// ```
/// use axess_core::delivery::DeliveryError;
/// assert_eq!(DeliveryError::new("connection refused").to_string(), "the mail was not handed over");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the mail was not handed over")]
pub struct DeliveryError {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl DeliveryError {
    /// Wraps the cause.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}
