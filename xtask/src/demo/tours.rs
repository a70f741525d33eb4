use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A program that serves, and a tour of it.
pub(super) struct Example {
    /// The program; those of the examples have the names of their packages.
    pub(super) program: &'static str,
    pub(super) arguments: &'static [&'static str],
    pub(super) port: u16,
    /// Where what it prints is kept, as far as a step reads it, and what of it is waited for.
    pub(super) kept: Option<(&'static str, &'static str)>,
    pub(super) steps: &'static [Step],
}

/// One command to type, and what its answer contains.
pub(super) struct Step {
    pub(super) about: &'static str,
    pub(super) command: &'static str,
    pub(super) answers: &'static [&'static str],
}

impl Example {
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }

    /// Returns the path of the program from the folder the tour is taken in.
    pub(super) fn path(&self) -> String {
        format!("../debug/{}", self.program)
    }
}

/// Writes a table of steps: what it shows, the command, and the texts of its answer.
macro_rules! steps {
    ($($about:literal, $command:expr, [$($answer:literal),*];)*) => {
        &[$(Step { about: $about, command: $command, answers: &[$($answer),*] }),*]
    };
}

/// Logins, and then a command with a token for just what it needs: who issues it, and who is asked with it.
pub(super) const EXAMPLES: [Example; 5] = [
    Example { program: "example-minimal", arguments: &[], port: 3000, kept: None, steps: MINIMAL },
    Example { program: "example-two-factor", arguments: &[], port: 3001, kept: None, steps: TWO_FACTOR },
    Example {
        program: "tryaudex",
        arguments: &["issuer", "--listen", "127.0.0.1:7425"],
        port: 7425,
        kept: None,
        steps: &[],
    },
    Example { program: "example-orders", arguments: &[], port: 3004, kept: None, steps: ORDERS },
    Example {
        program: "tryaudex",
        arguments: &["server", "--dev"],
        port: 8080,
        kept: Some(("server.txt", "/enrol/")),
        steps: TEAM,
    },
];

/// Writes a body with the code that a command prints.
macro_rules! code {
    ($command:literal) => {
        concat!("--json \"{\\\"code\\\":\\\"$(", $command, ")\\\"}\"")
    };
}

/// Writes a POST of the administrator, who is signed in with the cookies of a jar.
macro_rules! administer {
    ($where:literal, $rest:expr) => {
        concat!("curl -s -b admin.txt -c admin.txt -H 'Origin: http://127.0.0.1:8080' ", $where, " ", $rest)
    };
}

/// The link that it prints when it starts makes whoever opens it the administrator: a browser may do it as well.
const TEAM: &[Step] = steps! {
    "the team server has its database and its audit log",
    "curl -si http://127.0.0.1:8080/readyz",
    ["HTTP/1.1 200"];

    "strangers get no credential",
    r#"curl -si -X POST http://127.0.0.1:8080/credentials -d '{"allow":"orders:GetOrder","ttl":"15m","provider":"local"}'"#,
    ["HTTP/1.1 401", "unauthenticated"];

    "people sign in here",
    "curl -si http://127.0.0.1:8080/login",
    ["HTTP/1.1 200", "text/html"];

    "its administrator begins with the link that it printed, which works once: a password",
    administer!(
        "http://127.0.0.1:8080/$(grep -o 'enrol/.*' server.txt)",
        "--json '{\"password\":\"correct horse battery staple 7\"}'"
    ),
    ["totp_required"];

    "an authenticator app, which takes this in",
    administer!(
        "http://127.0.0.1:8080/enrol/totp",
        "--json '{}' | grep -o '\"secret\":\"[^\"]*' | cut -d '\"' -f 4 | tee team.txt"
    ),
    [];

    "and its first code; the recovery codes are shown this once",
    administer!(
        "http://127.0.0.1:8080/enrol/totp/code",
        code!("../debug/example-two-factor code $(cat team.txt)")
    ),
    ["signed_in", "recovery_codes"];

    "an API token for this machine (`tryaudex login` without it has the browser confirm a code)",
    administer!(
        "http://127.0.0.1:8080/tokens",
        concat!(
            "--json '{\"name\":\"demo\",\"scopes\":[\"request\",\"read\"]}' \\\n  ",
            "| grep -o '\"token\":\"[^\"]*' | cut -d '\"' -f 4 | (umask 077; cat > token.txt)"
        )
    ),
    [];

    "log in with it",
    "../debug/tryaudex login --server http://127.0.0.1:8080 --token-stdin < token.txt",
    ["logged in", "admin@localhost"];

    "a command with a credential that the server decided on and minted",
    concat!(
        "../debug/tryaudex run --server http://127.0.0.1:8080 --allow orders:Read --resource 'eu/*' --reason 'a demonstration' -- \\\n  ",
        "sh -c 'test -n \"$AUDEX_TOKEN\" && echo \"a token of ${#AUDEX_TOKEN} characters\"'"
    ),
    ["a token of "];

    "the session is in the server's list, and over with its command",
    "curl -s -b admin.txt http://127.0.0.1:8080/sessions",
    ["\"requester\":\"admin@localhost\"", "orders:Read=eu/*", "\"status\":\"revoked\"", "its command ended"];

    "every route and every answer is described",
    "curl -s http://127.0.0.1:8080/openapi.json",
    ["\"openapi\":\"3.1.0\"", "/credentials"];
};

const MINIMAL: &[Step] = steps! {
    "everybody sees the first page",
    "curl -si http://127.0.0.1:3000/",
    ["HTTP/1.1 200", "everyone can see this"];

    "the dashboard is closed to strangers",
    "curl -si http://127.0.0.1:3000/dashboard",
    ["HTTP/1.1 401"];

    "a wrong password is refused",
    r#"curl -si http://127.0.0.1:3000/login --json '{"username":"alice","password":"wrong"}'"#,
    ["HTTP/1.1 401"];

    "log in as alice",
    r#"curl -si -c cookies.txt http://127.0.0.1:3000/login --json '{"username":"alice","password":"Gnomes2+"}'"#,
    ["HTTP/1.1 200", "logged in"];

    "the dashboard is open",
    "curl -si -b cookies.txt http://127.0.0.1:3000/dashboard",
    ["HTTP/1.1 200", "welcome"];

    "log out",
    "curl -si -b cookies.txt -X POST http://127.0.0.1:3000/logout",
    ["HTTP/1.1 200", "logged out"];

    "the old cookie opens nothing any more",
    "curl -si -b cookies.txt http://127.0.0.1:3000/dashboard",
    ["HTTP/1.1 401"];
};

/// Writes a login with the password into a cookie jar.
macro_rules! log_in {
    ($jar:literal) => {
        concat!(
            "curl -si -c ",
            $jar,
            " http://127.0.0.1:3001/login --json '{\"username\":\"alice\",\"password\":\"Gnomes2+\"}'"
        )
    };
}

/// Writes a POST with the cookies of a jar. A client that is no browser has to say itself which application it is a part
/// of: `Origin`.
macro_rules! post {
    ($jar:literal, $path:literal, $rest:expr) => {
        concat!(
            "curl -s -b ",
            $jar,
            " -c ",
            $jar,
            " -H 'Origin: http://127.0.0.1:3001' http://127.0.0.1:3001",
            $path,
            " ",
            $rest
        )
    };
}

const TWO_FACTOR: &[Step] = steps! {
    "log in as alice: so far the password is enough",
    log_in!("alice.txt"),
    ["HTTP/1.1 200", "\"authenticated\""];

    "her account asks for two factors",
    "curl -si -b alice.txt http://127.0.0.1:3001/account",
    ["HTTP/1.1 401", "second_factor_required"];

    "a cookie alone changes nothing: another site could have made a browser send it",
    "curl -si -b alice.txt -X POST http://127.0.0.1:3001/enrol/totp",
    ["HTTP/1.1 403"];

    "with its origin, which browsers send by themselves, the request passes: enrol an authenticator app",
    post!("alice.txt", "/enrol/totp", "-X POST -o enrol.json -w 'HTTP %{http_code}\\n'"),
    ["HTTP 200"];

    "this is in the QR code that the app scans (the picture is in enrol.json)",
    "grep -o 'otpauth://[^\"]*' enrol.json",
    ["otpauth://totp/"];

    "and this is for typing it in",
    "cut -d '\"' -f 8 enrol.json | tee secret.txt",
    [];

    "confirm with the code of the moment, computed as the app would; the recovery codes are shown this once",
    post!(
        "alice.txt",
        "/enrol/totp/confirm",
        concat!(code!("../debug/example-two-factor code $(cat secret.txt)"), " | tee recovery.json")
    ),
    ["\"enrolled\"", "recovery_codes"];

    "log out",
    post!("alice.txt", "/logout", "-X POST"),
    ["logged out"];

    "log in again: now the password is half of it",
    log_in!("alice.txt"),
    ["HTTP/1.1 200", "second_factor_required", "totp", "recovery_code"];

    "half a login opens nothing",
    "curl -si -b alice.txt http://127.0.0.1:3001/dashboard",
    ["HTTP/1.1 401"];

    "a code works once, so wait for the next one (at most half a minute)",
    "sleep $((30 - $(date +%s) % 30))",
    [];

    "this is the next one",
    "../debug/example-two-factor code $(cat secret.txt) | tee code.txt",
    [];

    "log in with it",
    post!("alice.txt", "/login/totp", code!("cat code.txt")),
    ["\"authenticated\""];

    "the account is open",
    "curl -si -b alice.txt http://127.0.0.1:3001/account",
    ["HTTP/1.1 200", "proved with password and totp"];

    "so is a transfer, for a minute after the proof",
    post!("alice.txt", "/transfer", "-X POST"),
    ["transferred"];

    "somebody who saw password and code comes too late",
    log_in!("thief.txt"),
    ["second_factor_required"];

    "because the code is spent",
    post!("thief.txt", "/login/totp", code!("cat code.txt")),
    ["\"refused\""];

    "alice on her tablet, without her phone",
    log_in!("tablet.txt"),
    ["second_factor_required"];

    "logs in with a recovery code",
    post!("tablet.txt", "/login/recovery", code!("cut -d '\"' -f 8 recovery.json")),
    ["\"authenticated\""];

    "when that answers `step_up_required`, this begins another proof",
    post!("alice.txt", "/step-up", "-X POST"),
    ["second_factor_required"];

    "a recovery code works once, too",
    post!("alice.txt", "/step-up/recovery", code!("cut -d '\"' -f 8 recovery.json")),
    ["\"refused\""];

    "another one is a proof, and so is the next code of the app at /step-up/totp",
    post!("alice.txt", "/step-up/recovery", code!("cut -d '\"' -f 10 recovery.json")),
    ["\"authenticated\""];

    "log out",
    post!("alice.txt", "/logout", "-X POST"),
    ["logged out"];

    "the old cookie opens nothing any more",
    "curl -si -b alice.txt http://127.0.0.1:3001/dashboard",
    ["HTTP/1.1 401"];
};

/// Writes a session that may read the orders of Europe, with a command that asks for one of them.
macro_rules! ask_as_reader {
    ($request:literal) => {
        concat!(
            "../debug/tryaudex run --provider local --allow orders:Read --resource 'eu/*' -- \\\n  ",
            "sh -c 'curl -si -H \"Authorization: Bearer $AUDEX_TOKEN\" ",
            $request,
            "'"
        )
    };
}

const ORDERS: &[Step] = steps! {
    "without a token there are no orders",
    "curl -si http://127.0.0.1:3004/orders/eu/17",
    ["HTTP/1.1 401"];

    "what the next session will be granted, and what its token will say; nothing is issued yet",
    "../debug/tryaudex run --provider local --allow orders:Read --resource 'eu/*' --dry-run",
    ["orders:Read", "eu/*"];

    "a command that may read the orders of Europe reads one",
    ask_as_reader!("http://127.0.0.1:3004/orders/eu/17"),
    ["HTTP/1.1 200", "lanterns"];

    "not one of America: the service says what would be needed",
    ask_as_reader!("http://127.0.0.1:3004/orders/us/17"),
    ["HTTP/1.1 403", "orders:Read=us/17"];

    "and it deletes none",
    ask_as_reader!("-X DELETE http://127.0.0.1:3004/orders/eu/17"),
    ["HTTP/1.1 403", "orders:Delete=eu/17"];

    "a session has a deadline, and its command ends with it",
    "../debug/tryaudex run --provider local --allow orders:Read --ttl 2s -- sleep 60; echo \"code $?\"",
    ["code 83"];

    "every session is on record",
    "../debug/tryaudex sessions",
    ["Completed", "Expired"];

    "and what happened is in a log that can be verified",
    "../debug/tryaudex audit verify && echo verified",
    ["verified"];
};
