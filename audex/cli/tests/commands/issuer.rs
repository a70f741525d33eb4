use crate::home::Home;
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

#[test]
fn keys_are_printed_and_served() {
    let home = Home::new();
    home.session();
    let printed = home.run(&["issuer", "--jwks"]);
    let keys: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    assert!(
        !keys["keys"].as_array().unwrap().is_empty() && !printed.out.contains("\"d\""),
        "public keys alone"
    );
    let mut command = home.command(&["--output", "json", "issuer", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = told["listening"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served: serde_json::Value = runtime.block_on(async {
        let found = reqwest::get(format!("http://{address}/.well-known/openid-configuration")).await.unwrap();
        let document: serde_json::Value = found.json().await.unwrap();
        assert_eq!(document["issuer"], "http://127.0.0.1:7425");
        let path = document["jwks_uri"].as_str().unwrap().replace("http://127.0.0.1:7425", "");
        reqwest::get(format!("http://{address}{path}")).await.unwrap().json().await.unwrap()
    });
    assert_eq!(served["keys"], keys["keys"]);
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_told() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = home.run(&["issuer", "--listen", &address]);
    assert_eq!(told.code, 87, "{told:?}");
    assert!(told.err.contains(&address), "{told:?}");
}
