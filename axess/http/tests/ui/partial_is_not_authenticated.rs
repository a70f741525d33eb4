use axess_http::{Authenticated, Partial};

fn pay(_: Authenticated) {}

async fn second_step(login: Partial) {
    pay(login);
}

fn main() {}

// A type is printed with its full path while another one has its name: whatever else is linked changes nothing.
mod same_names {
    pub struct Authenticated;
    pub struct Partial;
}
