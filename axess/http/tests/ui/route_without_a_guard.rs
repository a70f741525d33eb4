use axess_http::GuardedRouter;

async fn page() {}

fn main() {
    let _: GuardedRouter = GuardedRouter::new().get("/admin", page);
}

// A type is printed with its full path while another one has its name: whatever else is linked changes nothing.
mod same_names {
    pub struct Guard;
}
