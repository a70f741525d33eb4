use axess_core::session::{AuthState, SessionHandle};

fn elevate(session: &SessionHandle, state: AuthState) {
    session.0.live.lock().unwrap().data.auth_state = state;
}

fn main() {}

// A type is printed with its full path while another one has its name: whatever else is linked changes nothing.
mod same_names {
    pub struct SessionHandle;
}
