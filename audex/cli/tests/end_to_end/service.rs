//! A token of our own issuer, and a service of somebody else's that verifies it: `examples/orders`.

use crate::home::{Home, free_port, wait_until};
use axess_peers::skip;
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Stdio},
};

/// Asks for orders with the session's token; prints the status of each answer.
const ASK: &str = "for what in GET:eu/17 GET:us/17 DELETE:eu/17; do \
    curl -s --noproxy '*' -o /dev/null -w '%{http_code} ' -X ${what%%:*} -H \"Authorization: Bearer $AUDEX_TOKEN\" $ORDERS/orders/${what#*:}; \
    done";

/// The service, with the keys of the issuer in this home.
struct Service {
    children: Vec<Child>,
    url: String,
}

impl Service {
    /// Starts the issuer of the home and the service, which asks it for its keys.
    fn start(home: &Home) -> Option<Self> {
        let program = orders()?;
        let mut service = Self { children: Vec::new(), url: String::new() };
        let port = free_port();
        let issuer = format!("http://127.0.0.1:{port}");
        std::fs::write(
            home.path().join(".config/audex/config.toml"),
            format!("[local]\nissuer = \"{issuer}\"\n"),
        )
        .unwrap();
        let issuing = home.tryaudex(&format!("issuer --quiet --listen 127.0.0.1:{port}")).spawn().unwrap();
        service.children.push(issuing);
        wait_until("the issuer listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let mut command = home.program(program.to_str().unwrap());
        command.env("BIND", "127.0.0.1:0").env("ISSUER", issuer).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        service.children.push(child);
        let line = lines.find(|line| line.contains("listening address=")).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        service.url = format!("http://{}", line.rsplit_once("address=").unwrap().1);
        Some(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program of the example, which lies beside ours where the workspace was built.
fn orders() -> Option<PathBuf> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_tryaudex")).with_file_name("example-orders");
    if program.is_file() {
        return Some(program);
    }
    skip("audex-cli service", "example-orders is not built (cargo build -p example-orders)");
    None
}

#[test]
fn a_service_takes_a_token_for_what_was_granted() {
    let mut home = Home::new();
    let Some(service) = Service::start(&home) else { return };
    home.set("ORDERS", &service.url);
    let table = [
        ("--allow orders:Read --resource eu/*", "200 403 403"),
        ("--allow orders:Read", "200 200 403"),
        ("--allow orders:Read=us/*,orders:Delete=eu/17", "403 200 204"),
        ("--allow invoices:Read", "403 403 403"),
    ];
    for (args, expected) in table {
        assert_eq!(home.printed(&format!("run --provider local {args}"), ASK), expected, "{args}");
    }
    assert_eq!(home.printed("run --provider local --allow orders:* --audience other", ASK), "401 401 401");
    assert_eq!(
        home.printed("run --provider local --allow orders:*", &format!("unset AUDEX_TOKEN; {ASK}")),
        "401 401 401"
    );
}

#[test]
fn a_token_ends_with_its_session() {
    let mut home = Home::new();
    let Some(service) = Service::start(&home) else { return };
    home.set("ORDERS", &service.url);
    let line = format!("{ASK}; echo; echo $AUDEX_TOKEN > ../token; sleep 60")
        .replace("../token", &home.path().join("token").display().to_string());
    let output = home.shell("run --provider local --allow orders:Read --ttl 3s", &line).output().unwrap();
    assert_eq!(output.status.code(), Some(83), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "200 200 403");
    // Kept against all advice, and worth nothing.
    let kept = "export AUDEX_TOKEN=$(cat token);";
    let status = || {
        let output = home.program("sh").args(["-c", &format!("{kept} {ASK}")]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    wait_until("the token is refused", || status().trim() == "401 401 401");
}

/// The commands of the example's README, typed as they are there: only the ports are others.
#[test]
fn the_readme_of_the_service_is_right() {
    let readme = include_str!("../../../../examples/orders/README.md");
    let mut home = Home::new();
    let Some(service) = Service::start(&home) else { return };
    home.set("NO_PROXY", "127.0.0.1");
    let (_, rest) = readme.split_once("```sh\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tryaudex"), home.path().join("bin/tryaudex")).unwrap();
    let script = block.replace("http://127.0.0.1:3004", &service.url);
    let output = home.program("sh").args(["-ec", &script]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let promised: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("# {")).collect();
    let answers = String::from_utf8(output.stdout).unwrap();
    let given: Vec<&str> = answers.lines().filter_map(|line| line.strip_prefix('{')).collect();
    assert_eq!((given.len(), given), (3, promised));
}
