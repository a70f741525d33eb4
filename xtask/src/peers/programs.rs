use std::process::Command;

use crate::{
    Outcome,
    process::{self, find_program},
};

/// A program and the Debian package it comes in.
struct Program {
    name: &'static str,
    package: &'static str,
    used_for: &'static str,
}

const PROGRAMS: [Program; 7] = [
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
];

/// Installs what is missing on Debian as root; elsewhere says what is missing and how to get it.
pub(crate) fn install() -> Outcome {
    let missing = missing();
    if missing.is_empty() {
        println!("peers: all {} programs are here", PROGRAMS.len());
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    if !can_install()? {
        return Err(how_to_install(&missing));
    }
    install_packages(&packages)?;
    match self::missing() {
        still if still.is_empty() => Ok(()),
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
}

fn missing() -> Vec<&'static Program> {
    PROGRAMS.iter().filter(|program| find_program(program.name).is_none()).collect()
}

fn how_to_install(missing: &[&Program]) -> String {
    let names: Vec<&str> = missing.iter().map(|program| program.name).collect();
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    format!(
        "missing: {}; on Debian: sudo apt-get install --no-install-recommends {}",
        names.join(", "),
        packages.join(" ")
    )
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
    fn the_message_names_programs_and_packages() {
        let missing: Vec<&Program> = PROGRAMS.iter().filter(|program| program.name == "zbarimg").collect();
        assert_eq!(
            how_to_install(&missing),
            "missing: zbarimg; on Debian: sudo apt-get install --no-install-recommends zbar-tools"
        );
    }
}
