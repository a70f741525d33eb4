use axess_factors::{Subject, Verified};
use axess_http::{AuthSession, Authenticated, AuthnInfo};
use axess_identity::FactorKind;

fn forge_session(info: AuthnInfo, session: AuthSession) -> Authenticated {
    Authenticated { info, session }
}

fn forge_proof(subject: Subject) -> Verified {
    Verified { subject, factor: FactorKind::Password }
}

fn main() {}

// A type is printed with its full path while another one has its name: whatever else is linked changes nothing.
mod same_names {
    pub struct Authenticated;
    pub struct Verified;
}
