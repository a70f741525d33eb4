use axess_http::GuardedRouter;

async fn page() {}

fn main() {
    let _: GuardedRouter = GuardedRouter::new().get("/admin", page);
}
