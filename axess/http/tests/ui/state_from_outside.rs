use axess_core::session::{AuthState, SessionHandle};

fn elevate(session: &SessionHandle, state: AuthState) {
    session.0.live.lock().unwrap().data.auth_state = state;
}

fn main() {}
