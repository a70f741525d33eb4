//! The login session of a desktop: a bus of its own with GNOME Keyring on it.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    find_program,
    process::{self, Process, wait_until},
    shared::skip,
};

const PROGRAMS: [&str; 3] = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"];
/// Names the folder to the test that runs inside.
const FOLDER: &str = "AXESS_TEST_DESKTOP";
const PASSWORD: &[u8] = b"desktop";
const KEYRING: &str = "org.freedesktop.secrets";
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";

/// A bus on which nothing is started by being asked for, so that what is gone stays gone, and nobody is asked on a screen.
const BUS: &str = r#"<busconfig><type>session</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#;

/// A session bus with an unlocked GNOME Keyring, for the one test that runs inside it.
///
/// ```
/// // Nothing to do for a test that was not started by itself.
/// fn in_a_session() {
///     let Some(desktop) = axess_peers::Desktop::enter("in_a_session") else { return };
///     assert!(desktop.address().starts_with("unix:path="));
/// }
/// ```
#[derive(Debug)]
pub struct Desktop {
    folder: PathBuf,
}

impl Desktop {
    /// Starts a session and, inside it, this test program again with nothing but the test of that name (with its modules).
    ///
    /// Returns the session where the test runs inside it; outside, nothing once the test inside has passed, or when a
    /// program is missing.
    ///
    /// # Panics
    ///
    /// When the test inside fails, or the session does not start.
    pub fn enter(test: &str) -> Option<Self> {
        if let Some(folder) = std::env::var_os(FOLDER) {
            return Some(Self { folder: folder.into() });
        }
        if let Some(missing) = PROGRAMS.into_iter().find(|name| find_program(name).is_none()) {
            skip(test, &format!("{missing} is missing (cargo xtask peers install)"));
            return None;
        }
        #[expect(clippy::panic, reason = "a test that cannot be run, or failed")]
        if let Err(message) = Session::start().and_then(|session| session.run(test)) {
            panic!("{test}: {message}");
        }
        None
    }

    /// Tells whether this process, or one that started it, is the test inside a session.
    pub fn is_here() -> bool {
        std::env::var_os(FOLDER).is_some()
    }

    /// Returns the address of the bus, as `DBUS_SESSION_BUS_ADDRESS` has it for this process.
    pub fn address(&self) -> String {
        address(&self.folder)
    }

    /// Locks the keyring.
    ///
    /// # Errors
    ///
    /// A message when it does not answer.
    pub fn lock_keyring(&self) -> Result<(), String> {
        let mut send = Command::new("dbus-send");
        send.args(["--print-reply", &format!("--dest={KEYRING}"), "/org/freedesktop/secrets"]);
        send.args(["org.freedesktop.Secret.Service.Lock", &format!("array:objpath:{LOGIN}")]);
        ask(&mut send, &self.folder).map(drop)
    }

    /// Starts the keyring, unlocked, after [`Desktop::kill_keyring`].
    ///
    /// # Errors
    ///
    /// A message when it does not start.
    pub fn start_keyring(&self) -> Result<(), String> {
        start_keyring(&self.folder).map(drop)
    }

    /// Ends the keyring at once, without a chance to clean up.
    ///
    /// # Errors
    ///
    /// A message when it does not end.
    pub fn kill_keyring(&self) -> Result<(), String> {
        self.keyring()?.kill()
    }

    /// Stops the keyring from answering, though it is there.
    ///
    /// # Errors
    ///
    /// A message when there is none.
    pub fn freeze_keyring(&self) -> Result<(), String> {
        self.keyring()?.freeze();
        Ok(())
    }

    /// Lets a frozen keyring go on.
    ///
    /// # Errors
    ///
    /// A message when there is none.
    pub fn thaw_keyring(&self) -> Result<(), String> {
        self.keyring()?.thaw();
        Ok(())
    }

    fn keyring(&self) -> Result<Process, String> {
        let text = fs::read_to_string(self.folder.join("keyring.pid")).map_err(|error| error.to_string())?;
        text.trim().parse().ok().and_then(Process::of).ok_or_else(|| "the keyring does not run".to_owned())
    }
}

/// What is started for one test; dropping it ends it all.
struct Session {
    folder: PathBuf,
    bus: Child,
}

impl Session {
    fn start() -> Result<Self, String> {
        let folder = make_folder().map_err(|error| format!("no folder for a session: {error}"))?;
        let config = folder.join("bus.conf");
        let socket = folder.join("bus");
        fs::write(&config, BUS.replace("SOCKET", &socket.display().to_string()))
            .map_err(|error| error.to_string())?;
        let mut command = inside("dbus-daemon", &folder);
        command.arg("--nofork").arg(format!("--config-file={}", config.display()));
        let bus = process::spawn(command).map_err(|error| format!("dbus-daemon: {error}"))?;
        let session = Self { folder, bus };
        wait_until(|| socket.exists()).map_err(|()| "dbus-daemon does not listen".to_owned())?;
        start_keyring(&session.folder)?;
        Ok(session)
    }

    fn run(self, test: &str) -> Result<(), String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["--exact", test, "--nocapture"]);
        command.env(FOLDER, &self.folder).env("DBUS_SESSION_BUS_ADDRESS", address(&self.folder));
        let output = command.output().map_err(|error| error.to_string())?;
        let said =
            [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
        // A name that is no test of this program passes as well, having run nothing.
        let passed = output.status.success() && said.contains("test result: ok. 1 passed");
        if passed { Ok(()) } else { Err(format!("the test inside failed:\n{said}")) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let desktop = Desktop { folder: self.folder.clone() };
        let _ = desktop.kill_keyring();
        let _ = self.bus.kill();
        let _ = self.bus.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn make_folder() -> io::Result<PathBuf> {
    for attempt in 0..1_000 {
        let folder = std::env::temp_dir().join(format!("axess-desktop-{}-{attempt}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                made?;
                fs::DirBuilder::new().mode(0o700).create(folder.join("run"))?;
                return Ok(folder);
            }
        }
    }
    Err(io::Error::other("every name is taken"))
}

fn address(folder: &Path) -> String {
    format!("unix:path={}", folder.join("bus").display())
}

/// Makes the command of a program that has its home in the session and ends with us.
fn inside(program: &str, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    command.env("HOME", folder).env("XDG_RUNTIME_DIR", folder.join("run"));
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env_remove(variable);
    }
    command.env("DBUS_SESSION_BUS_ADDRESS", address(folder));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start_keyring(folder: &Path) -> Result<Process, String> {
    let mut command = inside("gnome-keyring-daemon", folder);
    command.args(["--foreground", "--unlock", "--components=secrets"]).stdin(Stdio::piped());
    let mut child = process::spawn(command).map_err(|error| format!("gnome-keyring-daemon: {error}"))?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    stdin.write_all(PASSWORD).map_err(|error| error.to_string())?;
    drop(stdin);
    let started = Process::of(child.id()).ok_or("gnome-keyring-daemon ended at once")?;
    // Waited for, so that its id is not kept by a dead process.
    std::thread::spawn(move || child.wait());
    fs::write(folder.join("keyring.pid"), started.pid().to_string()).map_err(|error| error.to_string())?;
    let is_unlocked = || {
        let mut send = Command::new("dbus-send");
        send.args([
            "--print-reply",
            &format!("--dest={KEYRING}"),
            LOGIN,
            "org.freedesktop.DBus.Properties.Get",
        ]);
        send.args(["string:org.freedesktop.Secret.Collection", "string:Locked"]);
        ask(&mut send, folder).is_ok_and(|answer| answer.contains("boolean false"))
    };
    wait_until(is_unlocked).map_err(|()| "gnome-keyring-daemon does not answer".to_owned())?;
    Ok(started)
}

fn ask(command: &mut Command, folder: &Path) -> Result<String, String> {
    let output = command.env("DBUS_SESSION_BUS_ADDRESS", address(folder)).output();
    let output = output.map_err(|error| format!("dbus-send: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
