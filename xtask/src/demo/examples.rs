/// An example application and a tour of it.
pub(super) struct Example {
    pub(super) package: &'static str,
    pub(super) steps: &'static [Step],
}

/// One command to type, and what its answer contains.
pub(super) struct Step {
    pub(super) about: &'static str,
    pub(super) command: &'static str,
    pub(super) answers: &'static [&'static str],
}

pub(super) const MINIMAL: Example = Example {
    package: "example-minimal",
    steps: &[
        Step {
            about: "the dashboard is closed to strangers",
            command: "curl -si http://127.0.0.1:3000/dashboard",
            answers: &["HTTP/1.1 401"],
        },
        Step {
            about: "a wrong password is refused",
            command: "curl -si -c cookies.txt http://127.0.0.1:3000/login \
                      --json '{\"username\":\"alice\",\"password\":\"wrong\"}'",
            answers: &["HTTP/1.1 401"],
        },
        Step {
            about: "log in as alice",
            command: "curl -si -c cookies.txt http://127.0.0.1:3000/login \
                      --json '{\"username\":\"alice\",\"password\":\"Gnomes2+\"}'",
            answers: &["HTTP/1.1 200"],
        },
        Step {
            about: "the dashboard is open",
            command: "curl -si -b cookies.txt http://127.0.0.1:3000/dashboard",
            answers: &["HTTP/1.1 200"],
        },
        Step {
            about: "log out",
            command: "curl -si -b cookies.txt -X POST http://127.0.0.1:3000/logout",
            answers: &["HTTP/1.1 2"],
        },
        Step {
            about: "the old cookie opens nothing any more",
            command: "curl -si -b cookies.txt http://127.0.0.1:3000/dashboard",
            answers: &["HTTP/1.1 401"],
        },
    ],
};

/// Alice's authenticator shares the seed of RFC 6238, appendix B, which everybody knows.
pub(super) const TWO_FACTOR: Example = Example {
    package: "example-two-factor",
    steps: &[
        Step {
            about: "the password is the first step",
            command: "curl -si -c cookies.txt http://127.0.0.1:3000/login \
                      --json '{\"username\":\"alice\",\"password\":\"Gnomes2+\"}'",
            answers: &["HTTP/1.1 200"],
        },
        Step {
            about: "half a login opens nothing",
            command: "curl -si -b cookies.txt http://127.0.0.1:3000/dashboard",
            answers: &["HTTP/1.1 401"],
        },
        Step {
            about: "a wrong code is refused",
            command: "curl -si -b cookies.txt -c cookies.txt http://127.0.0.1:3000/verify \
                      --json '{\"code\":\"000000\"}'",
            answers: &["HTTP/1.1 401"],
        },
        Step {
            about: "the code of the moment is the second step",
            command: "curl -si -b cookies.txt -c cookies.txt http://127.0.0.1:3000/verify \
                      --json \"{\\\"code\\\":\\\"$(oathtool --totp -b GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ)\\\"}\"",
            answers: &["HTTP/1.1 200"],
        },
        Step {
            about: "the dashboard is open",
            command: "curl -si -b cookies.txt http://127.0.0.1:3000/dashboard",
            answers: &["HTTP/1.1 200"],
        },
        Step {
            about: "log out",
            command: "curl -si -b cookies.txt -X POST http://127.0.0.1:3000/logout",
            answers: &["HTTP/1.1 2"],
        },
        Step {
            about: "the old cookie opens nothing any more",
            command: "curl -si -b cookies.txt http://127.0.0.1:3000/dashboard",
            answers: &["HTTP/1.1 401"],
        },
    ],
};
