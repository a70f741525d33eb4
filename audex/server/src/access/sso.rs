//! Single sign-on: people sign in at the identity provider their company has.
//!
//! 1. The provider is a [`FederationProvider`] of axess; what it says is read as the settings want it (`Vetted`), and
//!    an identity that has no account yet finds that of its verified address.
//! 2. Who has none gets one, and the provider's groups decide groups and roles where the settings say so (`Joining`).
//! 3. A login there counts as both factors: the provider answers for its own.

mod check;
mod groups;
mod joining;
mod login;
mod logout;
mod paths;
mod unnamed;
mod vetted;

pub use check::SsoFault;
pub(super) use joining::Joining;
pub use login::Offer;
pub(super) use login::{Begun, begin, complete};
pub(super) use logout::{Told, metadata, obey, out, single_logout};
pub(super) use paths::{ACS, BACKCHANNEL, BEGIN, CALLBACK, METADATA, Paths, SLO};
use vetted::Vetted;

use super::open::{OpenAccessError, Origin};
use crate::{
    problem::Problem,
    settings::{SsoProtocol, SsoSettings},
};
use axess::{
    FactorKind, Federation, FederationProviders, Method, ProviderPolicy,
    backends::sqlite::{Db, JtiReplayStore, SidStore},
    clock::Clock,
    factors::saml::SamlProvider,
    federation::{FederationProvider, federated_kind},
    identity::ProviderName,
    rng::SecureRng,
};
use http::StatusCode;
use std::sync::Arc;

/// What the provider is called here.
pub(super) const NAME: &str = "sso";

/// The identity provider that people sign in at.
pub(super) struct Sso {
    kind: FactorKind,
    is_saml: bool,
    /// What describes us, for SAML.
    saml: Option<Arc<SamlProvider>>,
    pub(super) is_local_login: bool,
}

/// What single sign-on is made of, before there is a front door.
pub(super) struct Parts {
    pub(super) sso: Sso,
    pub(super) federation: Federation,
    pub(super) joining: Arc<Joining>,
    pub(super) sids: SidStore,
    pub(super) replays: JtiReplayStore,
}

impl Sso {
    /// Makes the provider. It is asked nothing yet: one that is down stops nothing.
    pub(super) fn open(
        settings: &SsoSettings,
        origin: &Origin,
        db: &Db,
        joining: Joining,
        (clock, rng): (Arc<dyn Clock>, Arc<dyn SecureRng>),
    ) -> Result<Parts, OpenAccessError> {
        let made = check::provider(settings, origin, clock, rng);
        let check::Made { provider, saml } = made.map_err(OpenAccessError::Sso)?;
        let name = name();
        let joining = Arc::new(joining);
        let vetted: Arc<dyn FederationProvider> = Arc::new(Vetted::new(provider, Arc::clone(&joining)));
        // Whose account an identity is, is looked up by ours.
        let policy = ProviderPolicy { provision: true, ..ProviderPolicy::default() };
        let providers = FederationProviders::new().with(name.clone(), vetted, policy);
        let (sids, replays) = (SidStore::new(db.clone()), JtiReplayStore::new(db.clone()));
        let federation = Federation::new(providers, joining.links())
            .with_provider_logout(Arc::new(sids.clone()), Arc::new(replays.clone()))
            .with_provisioner(Arc::new(joining::AtTheDoor(Arc::clone(&joining))));
        let sso = Self {
            kind: federated_kind(&name),
            is_saml: matches!(settings.protocol, SsoProtocol::Saml(_)),
            saml,
            is_local_login: settings.local_login,
        };
        Ok(Parts { sso, federation, joining, sids, replays })
    }

    /// Tells whether the provider speaks SAML.
    pub(super) const fn is_saml(&self) -> bool {
        self.is_saml
    }

    /// Returns the factor that a login at the provider proves.
    pub(super) fn kind(&self) -> &FactorKind {
        &self.kind
    }
}

/// Names every fault of the settings that can be known without asking the provider.
///
/// `public_url` is the address of this server, as its settings say.
pub fn check(settings: &SsoSettings, public_url: &str) -> Vec<SsoFault> {
    check::faults(settings, public_url)
}

/// Returns how everybody logs in.
pub(super) fn methods(settings: Option<&SsoSettings>) -> Vec<Method> {
    let local = settings.is_none_or(|settings| settings.local_login);
    let local = local.then(Method::password_then_totp);
    local.into_iter().chain(settings.map(|_| Method::federated(&name()))).collect()
}

/// Returns how somebody logs in whose enrolment is not finished.
pub(super) fn methods_of_enrolment(settings: Option<&SsoSettings>) -> Vec<Method> {
    [Method::password()].into_iter().chain(settings.map(|_| Method::federated(&name()))).collect()
}

#[expect(clippy::expect_used, reason = "the name is a constant, and every test says it")]
fn name() -> ProviderName {
    NAME.parse().expect("`sso` is a name")
}

fn off() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "sso_off").with_detail("single sign-on is not set up on this server")
}
