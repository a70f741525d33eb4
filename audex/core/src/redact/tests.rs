use super::*;

fn line(given: &str) -> String {
    redacted_command(given.split(' ')).join(" ")
}

/// What is kept of a line for a shell.
fn script(text: &str) -> String {
    redacted_command(["sh", "-c", text]).pop().unwrap()
}

#[test]
fn what_is_kept() {
    let cases = [
        ("aws s3 ls", "aws s3 ls"),
        ("psql --password hunter2 -c x", "psql --password [redacted] -c x"),
        ("tool --password -pw x", "tool --password [redacted] x"),
        ("tool --secret=abc --verbose", "tool --secret=[redacted] --verbose"),
        ("tool --secret=a;b&c(d)$(e)'f", "tool --secret=[redacted]"),
        (concat!("tool AKIA", "IOSFODNN7EXAMPLE"), "tool [redacted]"),
        ("tool X=ghp_0123456789abcdef", "tool X=[redacted]"),
        ("curl https://example.com/a@b", "curl https://example.com/a@b"),
        ("curl https://example.com:8443/a@b", "curl https://example.com:8443/a@b"),
        ("curl https://u:p@example.com/a@b", "curl https://[redacted]@example.com/a@b"),
        ("psql postgres://u:p/w@h/", "psql postgres://[redacted]@h/"),
        ("psql postgres://u:1/2@h/", "psql postgres://[redacted]@h/"),
        ("psql postgres://u:p&w;x@h/", "psql postgres://[redacted]@h/"),
        ("tool --token --verbose", "tool --token --verbose"),
        ("docker login --password-stdin r.example", "docker login --password-stdin r.example"),
        ("tool --token-file /run/t TOKEN_FILE=/x", "tool --token-file /run/t TOKEN_FILE=/x"),
        ("curl -u bob:p:w x", "curl -u bob:[redacted] x"),
        (
            "curl -ubob:pw --user=a:b --proxy-user c:d",
            "curl -ubob:[redacted] --user=a:[redacted] --proxy-user c:[redacted]",
        ),
        ("docker run -u 1000:1000 -p 8080:80 x", "docker run -u 1000:1000 -p 8080:80 x"),
        ("mysql -u root -phunter2 db", "mysql -u root -p[redacted] db"),
        ("/usr/bin/mysqldump -p db", "/usr/bin/mysqldump -p db"),
        ("sshpass -p hunter2 ssh -p 22 h", "sshpass -p [redacted] ssh -p 22 h"),
        ("mkdir -pv a", "mkdir -pv a"),
        ("redis-cli -a hunter2 ping", "redis-cli -a [redacted] ping"),
        (
            "AWS_SECRET_ACCESS_KEY=x PGPASSWORD=y MYSQL_PWD=z PWD=/a",
            "AWS_SECRET_ACCESS_KEY=[redacted] PGPASSWORD=[redacted] MYSQL_PWD=[redacted] PWD=/a",
        ),
        ("http GET x Authorization:hunter2", "http GET x Authorization:[redacted]"),
        ("openssl rsa -passin pass:hunter2", "openssl rsa -passin pass:[redacted]"),
        (
            "aws --secret-arn arn:aws:x --id arn:aws:secretsmanager:e:1:secret:db",
            "aws --secret-arn [redacted] --id arn:aws:secretsmanager:e:1:secret:db",
        ),
        ("curl https://h/?token=x&page=2", "curl https://h/?token=[redacted]&page=2"),
        ("echo Bearer hunter2 -- Basic x", "echo Bearer [redacted] -- Basic [redacted]"),
    ];
    for (given, kept) in cases {
        assert_eq!(line(given), kept, "{given}");
    }
}

#[test]
fn headers_of_arguments() {
    for (given, kept) in [
        ("Authorization: Bearer hunter2abc", "Authorization: [redacted]"),
        ("Proxy-Authorization:Basic x; y", "Proxy-Authorization:[redacted]"),
        ("Authorization: Digest a=\"b\", response=\"c\"", "Authorization: [redacted]"),
        ("X-Api-Key: hunter2", "X-Api-Key: [redacted]"),
        ("Cookie: a=b; session=hunter2", "Cookie: [redacted]"),
        ("Accept: text/html", "Accept: text/html"),
    ] {
        for option in ["-H", "--header"] {
            assert_eq!(redacted_command(["curl", option, given, "x"]), ["curl", option, kept, "x"]);
        }
        let joined = format!("--header={given}");
        assert_eq!(redacted_command(["curl", &joined]), ["curl", &format!("--header={kept}")]);
    }
    let joined = redacted_command(["curl", "-HAuthorization: Bearer hunter2", "http://x"]);
    assert_eq!(joined, ["curl", "-HAuthorization: [redacted]", "http://x"]);
}

#[test]
fn secrets_in_a_script() {
    let cases = [
        (
            "export GITHUB_TOKEN=abc; echo 'ghp_0123456789abcdef'",
            "export GITHUB_TOKEN=[redacted]; echo '[redacted]'",
        ),
        ("curl -H \"Authorization: Bearer hunter2abc\" x", "curl -H \"Authorization: [redacted]\" x"),
        ("curl -H 'X-Api-Key: a b;c' x && id", "curl -H 'X-Api-Key: [redacted]' x && id"),
        ("curl --header=\"Authorization: Basic x\" y", "curl --header=\"Authorization: [redacted]\" y"),
        ("curl --header=Authorization:x y", "curl --header=Authorization:[redacted] y"),
        (
            "sh -c \"curl -H \\\"Authorization: Bearer x\\\" u; id\"",
            "sh -c \"curl -H \\\"Authorization: [redacted]\\\" u; id\"",
        ),
        ("curl -u bob:pw x; curl -u 'bob:p w' x", "curl -u bob:[redacted] x; curl -u 'bob:[redacted] w' x"),
        ("mysql -ppw db; mkdir -pv x", "mysql -p[redacted] db; mkdir -pv x"),
        ("tool --password -pw x", "tool --password [redacted] x"),
        ("tool --password 'a b' x", "tool --password [redacted] x"),
        ("tool --password=\"a b\"c x", "tool --password=[redacted] x"),
        ("psql postgres://u:p/w@h/;id", "psql postgres://[redacted]@h/;id"),
        (
            "curl -d '{\"password\": \"a b\", \"user\": \"bob\"}' x",
            "curl -d '{\"password\": [redacted], \"user\": \"bob\"}' x",
        ),
        ("curl -d \"{\\\"token\\\":\\\"x\\\"}\" y", "curl -d \"{\\\"token\\\":[redacted]}\" y"),
        ("curl -d \"password=x&user=bob\" y", "curl -d \"password=[redacted]&user=bob\" y"),
        ("psql -c \"ALTER USER u PASSWORD 'x y'\"", "psql -c \"ALTER USER u PASSWORD [redacted]\""),
        (
            "mysql -e \"CREATE USER u IDENTIFIED BY 'x'\"",
            "mysql -e \"CREATE USER u IDENTIFIED BY [redacted]\"",
        ),
        (
            concat!(
                "echo $'-----BEGIN RSA PRIV",
                "ATE KEY-----\nMIIE+/=\n-----END RSA PRIV",
                "ATE KEY-----\n' >f"
            ),
            "echo $'[redacted]\n' >f",
        ),
    ];
    for (given, kept) in cases {
        assert_eq!(script(given), kept, "{given}");
    }
}

/// What a shell runs is not part of a value.
#[test]
fn what_runs_is_not_hidden() {
    let cases = [
        ("token=x;echo\thidden>out;id>>out", "token=[redacted];echo\thidden>out;id>>out"),
        ("token=x\nid", "token=[redacted]\nid"),
        ("token=x|id", "token=[redacted]|id"),
        ("token=x&id", "token=[redacted]&id"),
        ("token=x<(id)", "token=[redacted]<(id)"),
        ("token=$(id)", "token=$(id)"),
        ("token=x`id`", "token=[redacted]`id`"),
        ("token=\"$(id)\" ls", "token=\"$(id)\" ls"),
        ("token=\"x$(id)\";ls", "token=[redacted]$(id)\";ls"),
        ("token='x;y';id", "token=[redacted];id"),
        ("token=x\\'y;id", "token=[redacted];id"),
        ("token=don't;id", "token=[redacted];id"),
        ("sh -c \"token=x;id\"", "sh -c \"token=[redacted];id\""),
        ("sh -c 'token=x id'", "sh -c 'token=[redacted] id'"),
        ("token: x;id", "token: [redacted];id"),
        ("echo Bearer x;id", "echo Bearer [redacted];id"),
        ("tool --password;id", "tool --password;id"),
        ("tool --password x;id", "tool --password [redacted];id"),
        ("curl http://u:p@h/;id;@x", "curl http://[redacted]@h/;id;@x"),
        ("curl http://x;id;@y", "curl http://x;id;@y"),
        ("--password=x;id", "--password=[redacted];id"),
        ("ghp_0123456789abcdef;id", "[redacted];id"),
        ("token=\u{1b}[31mid", "token=\u{1b}[31mid"),
    ];
    for (given, kept) in cases {
        assert_eq!(script(given), kept, "{given}");
    }
    let elsewhere = redacted_command(["ssh", "host", "token=x;id"]);
    assert_eq!(elsewhere.last().unwrap(), "token=[redacted];id");
}

#[test]
fn no_text_panics_and_nothing_is_added() {
    let parts = [
        "token",
        "=",
        ":",
        " ",
        "'",
        "\"",
        "\\",
        "$(",
        ";",
        "--password",
        "-u",
        "é",
        "://",
        "@",
        "Bearer",
        "x",
    ];
    for number in 0..parts.len().pow(4) {
        let part = |place: u32| parts[number / parts.len().pow(place) % parts.len()];
        let text = [part(0), part(1), part(2), part(3)].concat();
        for kept in [line(&text), script(&text)] {
            let left = kept.replace(REDACTED, "").replace(' ', "");
            let mut given = text.chars();
            assert!(left.chars().all(|c| given.any(|other| other == c)), "{text:?}: {kept:?}");
        }
    }
}

#[test]
fn it_is_bounded() {
    let many = redacted_command((0..100).map(|_| "é".repeat(10_000)));
    assert_eq!(many.len(), MAX_ARGUMENTS + 1);
    assert!(many.iter().all(|one| one.chars().count() < MAX_ARGUMENT + 8));
    assert_eq!(many.last().unwrap(), "(36 more)");
    for odd in ["token=\"", "\"token\":", "\\", "'", "token:'\\\"", "password=$(", "é=\u{0}"] {
        let kept = redacted_command([odd.repeat(4_000)]);
        assert!(kept[0].chars().count() < MAX_ARGUMENT + 8, "{odd}");
    }
}
