//! Handlers run on many threads: the future of every verb must be `Send`. This is judged by the compiler.

use axess_core::{
    authn::FactorCredential,
    device::DeviceSignals,
    memory::InMemoryBackend,
    service::{AuthnService, NewSignup, Operator},
    session::{SessionHandle, Sessions},
    store::{Owner, TenantBootstrap},
};
use axess_factors::federated::CallbackResponse;
use axess_identity::{DeviceId, FactorKind};

fn send(_: impl Send) {}

type Service = AuthnService<InMemoryBackend, InMemoryBackend>;

fn logins(service: &Service, session: &SessionHandle, credential: FactorCredential) {
    send(service.begin_login(session, "", ""));
    send(service.begin_login_with_method(session, "", "", ""));
    send(service.login_with_password(session, "", "", ""));
    send(service.prepare_factor(session, FactorKind::EmailOtp));
    send(service.verify_factor(session, credential));
    send(service.require_step_up(session, vec![]));
    send(service.logout(session));
}

fn ceremonies(service: &Service, session: &SessionHandle, signup: NewSignup) {
    send(service.begin_signup(session, signup));
    send(service.complete_signup(session, ""));
    send(service.complete_workflow(session));
    send(service.begin_email_verification(session));
    send(service.complete_email_verification(session, ""));
    send(service.begin_totp_enrolment(session));
    send(service.confirm_totp_enrolment(session, ""));
    send(service.log_in_with_totp_enrolment(session, ""));
    send(service.remove_factor(session, FactorKind::Totp));
    send(service.change_password(session, "", ""));
    send(service.begin_password_reset(session, "", ""));
    send(service.verify_password_reset(session, ""));
    send(service.complete_password_reset(session, ""));
}

fn federation(service: &Service, session: &SessionHandle, answer: CallbackResponse) {
    send(service.federation_providers(""));
    send(service.begin_federated_login(session, "", "", Default::default()));
    send(service.complete_federated_login(session, "", answer.clone()));
    send(service.begin_oauth_login(session, "", Default::default()));
    send(service.finish_oauth_login(session, "", "", ""));
    send(service.begin_federated_link(session, "", Default::default()));
    send(service.federated_links(session));
    send(service.unlink_federated(session, "", ""));
    send(service.begin_federated_logout(session, Default::default()));
    send(service.complete_backchannel_logout(session, "", "", answer));
    send(service.complete_frontchannel_logout(session, "", "", "", ""));
}

fn tokens_and_devices(service: &Service, session: &SessionHandle, signals: &DeviceSignals, device: DeviceId) {
    send(service.issue_refresh_token(session));
    send(service.refresh_session(session, ""));
    send(service.resolve_device(session, signals));
    send(service.trust_device(session, None));
    send(service.find_devices(session));
    send(service.rename_device(session, device, None));
    send(service.revoke_device(session, device));
}

fn operators(
    service: &Service,
    sessions: &Sessions,
    owner: Owner,
    by: &Operator,
    bootstrap: TenantBootstrap,
) {
    let Owner { tenant_id, user_id } = owner;
    send(service.suspend_user(sessions, tenant_id, user_id, by));
    send(service.unsuspend_user(tenant_id, user_id, by));
    send(service.erase_user(sessions, tenant_id, user_id, by));
    send(service.clear_lockout(tenant_id, user_id, by));
    send(service.create_tenant(bootstrap, by));
    send(service.suspend_tenant(sessions, tenant_id, by));
    send(service.unsuspend_tenant(tenant_id, by));
    send(service.revoke_device_of(sessions, owner, DeviceId::from_parts(0, [0; 10]), by));
    send(service.sweep_devices(tenant_id));
}

fn sessions(sessions: &Sessions, session: &SessionHandle, owner: Owner) {
    send(sessions.open(None, Default::default()));
    send(sessions.is_live(session.session_id()));
    send(sessions.end_for_user(owner, None));
    send(sessions.end_for_tenant(owner.tenant_id));
    send(session.finish());
    send(session.regenerate());
    send(session.drop_authentication());
    send(session.clear());
}

#[test]
fn every_verb_can_be_spawned() {
    // Naming them is enough: a verb whose future is not `Send` does not compile here.
    let _ = (logins, ceremonies, federation, tokens_and_devices, operators, sessions);
}
