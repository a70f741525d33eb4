use axess_http::Accepted;

fn main() {
    let _ = Accepted("anybody".to_owned());
}
