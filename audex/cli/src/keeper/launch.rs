use nix::{errno::Errno, unistd::Pid};
use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command},
};

/// Where `execvp` looks when there is no `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Why there is no child.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    NotFound,
    NotExecutable(String),
}

/// Starts the command in the process group `group` (0: one of its own), searching it like `execvp`.
pub(super) fn launch(
    command: &[impl AsRef<OsStr>],
    env: &[(impl AsRef<OsStr>, impl AsRef<OsStr>)],
    group: Pid,
) -> Result<Child, Failure> {
    let Some((program, arguments)) = command.split_first() else { return Err(Failure::NotFound) };
    let program = program.as_ref();
    let path = env.iter().rev().find(|(name, _)| name.as_ref() == "PATH").map(|(_, value)| value.as_ref());
    let mut refused = Failure::NotFound;
    for candidate in candidates(program, path) {
        let child = Command::new(&candidate)
            .arg0(program)
            .args(arguments)
            .env_clear()
            .envs(env.iter().map(|(name, value)| (name, value)))
            .process_group(group.as_raw())
            .spawn();
        match child.map_err(|error| reason(&candidate, &error)) {
            Ok(child) => return Ok(child),
            Err(Reason::KeepLooking) => {}
            Err(Reason::Denied(why)) => refused = Failure::NotExecutable(why),
            Err(Reason::Final(why)) => return Err(Failure::NotExecutable(why)),
        }
    }
    Err(refused)
}

enum Reason {
    KeepLooking,
    /// Not this one, but a later folder of the path may have another.
    Denied(String),
    Final(String),
}

fn reason(candidate: &Path, error: &io::Error) -> Reason {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) if candidate.is_file() => {
            Reason::Final("the interpreter in its first line, or its loader, does not exist".to_owned())
        }
        Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT) => {
            Reason::KeepLooking
        }
        Some(Errno::EACCES) if candidate.is_dir() => Reason::Denied("it is a directory".to_owned()),
        Some(Errno::EACCES) => Reason::Denied("permission denied".to_owned()),
        Some(Errno::ENOEXEC) => {
            Reason::Final("it is neither a program nor a script that begins with #!".to_owned())
        }
        Some(Errno::E2BIG) => Reason::Final("arguments and environment are too long".to_owned()),
        Some(Errno::ETXTBSY) => Reason::Final("the file is being written".to_owned()),
        _ => Reason::Final(error.to_string()),
    }
}

/// Lists the files to try. Each has a slash, so that nobody searches a second time.
fn candidates(program: &OsStr, path: Option<&OsStr>) -> Vec<PathBuf> {
    if program.is_empty() {
        return Vec::new();
    }
    if program.as_bytes().contains(&b'/') {
        return vec![program.into()];
    }
    let folders = path.unwrap_or(OsStr::new(DEFAULT_PATH)).as_bytes().split(|byte| *byte == b':');
    let file = |folder: &[u8]| {
        // An empty element is the current folder.
        let folder = if folder.is_empty() { b"." } else { folder };
        let mut bytes = folder.to_vec();
        bytes.push(b'/');
        bytes.extend_from_slice(program.as_bytes());
        PathBuf::from(OsString::from_vec(bytes))
    };
    folders.map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(program: &str, path: Option<&str>) -> Vec<String> {
        let files = candidates(OsStr::new(program), path.map(OsStr::new));
        files.into_iter().map(|file| file.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_path_is_searched_like_execvp_does() {
        assert_eq!(listed("ls", Some("/a:/b/")), ["/a/ls", "/b//ls"]);
        assert_eq!(
            listed("ls", Some(":/b:")),
            ["./ls", "/b/ls", "./ls"],
            "an empty element is the current folder"
        );
        assert_eq!(listed("ls", Some("")), ["./ls"]);
        assert_eq!(listed("ls", None), ["/bin/ls", "/usr/bin/ls"]);
        assert_eq!(listed("./ls", Some("/a")), ["./ls"], "a slash means a path");
        assert_eq!(listed("", Some("/a")), [""; 0]);
    }

    #[test]
    fn a_denied_file_does_not_hide_a_later_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("true"), "not executable").unwrap();
        let path = format!("{}:/bin:/usr/bin", folder.path().display());
        let run = |path: &str| launch(&["true"], &[("PATH", path)], Pid::from_raw(0));
        assert!(run(&path).unwrap().wait().unwrap().success());
        let alone = run(folder.path().to_str().unwrap());
        assert_eq!(alone.err(), Some(Failure::NotExecutable("permission denied".to_owned())));
    }
}
