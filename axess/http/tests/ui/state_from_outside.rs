use axess_core::session::{AuthState, SessionHandle};

fn elevate(session: &SessionHandle, state: AuthState) {
    session.live().data.auth_state = state;
}

fn main() {}
