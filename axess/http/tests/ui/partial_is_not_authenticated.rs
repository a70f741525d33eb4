use axess_http::{Authenticated, Partial};

fn pay(_: Authenticated) {}

async fn second_step(login: Partial) {
    pay(login);
}

fn main() {}
