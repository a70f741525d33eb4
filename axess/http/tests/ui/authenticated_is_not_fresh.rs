use axess_http::{Authenticated, Fresh};

fn close_account(_: Fresh<300>) {}

async fn settings(user: Authenticated, stale: Fresh<86400>) {
    close_account(user);
    close_account(stale);
}

fn main() {}

// A type is printed with its full path while another one has its name: whatever else is linked changes nothing.
mod same_names {
    pub struct Authenticated;
    pub struct Fresh;
}
