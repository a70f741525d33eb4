use crate::store::Owner;
use axess_factors::federated::FederatedIdentity;
use axess_identity::{EmailAddress, Identifier, ProviderName, TenantId};
use std::{error::Error, future::Future, pin::Pin};

/// What the verbs of a [`Provisioner`] return.
///
/// An error is a backend's failure: the login fails and may be tried again.
///
/// ```
/// use axess_core::federation::{Provision, ProvisionFuture};
/// let refused: ProvisionFuture<'static, Provision> = Box::pin(async { Ok(Provision::Refuse) });
/// # drop(refused);
/// ```
pub type ProvisionFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Decides who gets an account at their first login, and is asked about every other.
///
/// ```
/// use axess_core::federation::{NewAccount, Provision, ProvisionFuture, ProvisionRequest, Provisioner};
/// use axess_identity::Identifier;
///
/// /// Everybody of the staff gets an account under their mail address.
/// struct Staff;
/// impl Provisioner for Staff {
///     fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
///         Box::pin(async move {
///             let identity = request.identity;
///             // An address that nobody verified may be anybody's.
///             let email = identity.email.as_ref().filter(|_| identity.email_verified);
///             let name = email.and_then(|email| Identifier::parse_new(email.as_str()).ok());
///             let (Some(identifier), true) = (name, identity.groups.iter().any(|group| group == "staff")) else {
///                 return Ok(Provision::Refuse);
///             };
///             let display_name = identity.display_name.clone();
///             Ok(Provision::Create(NewAccount { identifier, display_name, email: identity.email.clone() }))
///         })
///     }
/// }
/// ```
pub trait Provisioner: Send + Sync + 'static {
    /// Says what account an identity gets that belongs to none.
    ///
    /// It may be asked more than once about one identity, also by racing callbacks: one account comes of it.
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision>;

    /// Says whether an account may log in with an identity that is linked to it, before anything is granted.
    ///
    /// It is the place to bring roles up to date from the provider's groups. By default everybody may.
    fn admit<'a>(&'a self, owner: Owner, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Admission> {
        let _ = (owner, request);
        Box::pin(async { Ok(Admission::Admit) })
    }
}

/// Who is logging in, and where.
///
/// ```
/// # fn example(request: axess_core::federation::ProvisionRequest<'_>) {
/// println!("somebody of {} is new in tenant {}", request.provider, request.tenant_id);
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ProvisionRequest<'a> {
    /// The tenant they are logging in to.
    pub tenant_id: TenantId,
    /// What the application calls the provider.
    pub provider: &'a ProviderName,
    /// Whom the provider says it is.
    pub identity: &'a FederatedIdentity,
}

/// What account an identity gets.
///
/// ```
/// use axess_core::federation::Provision;
/// assert!(matches!(Provision::Refuse, Provision::Refuse));
/// ```
#[derive(Debug, Clone)]
pub enum Provision {
    /// This one.
    Create(NewAccount),
    /// None.
    Refuse,
}

/// An account to be created for an identity.
///
/// ```
/// use axess_core::federation::NewAccount;
/// use axess_identity::Identifier;
/// let bob = NewAccount { identifier: Identifier::parse("bob").unwrap(), display_name: None, email: None };
/// assert!(bob.email.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The login name; a taken one refuses the login.
    pub identifier: Identifier,
    /// A name for people.
    pub display_name: Option<String>,
    /// Where mail goes. It counts as verified if the provider says so, and its word counts for the domain
    /// ([`ProviderPolicy`](super::ProviderPolicy)), and no other account has it.
    pub email: Option<EmailAddress>,
}

/// Whether an account may log in.
///
/// ```
/// use axess_core::federation::Admission;
/// assert_ne!(Admission::Admit, Admission::Refuse);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admit,
    /// It may not.
    Refuse,
}
