//! A browser without a screen: Chromium, told what to do over a pipe (the DevTools protocol).

mod pipe;
mod tab;

pub use tab::{Look, Tab};

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use serde_json::json;

use crate::{find_program, process, process::Process, shared::skip};
use pipe::Pipe;

/// What it is started with: nothing of its own on the network, no questions, no screen.
///
/// Its sandbox needs a user that is not root; the pages are ours. The certificates of servers on loopback are made for a test, and
/// no browser knows who signed them.
const FLAGS: [&str; 13] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--password-store=basic",
    "--ignore-certificate-errors",
];

/// A Chromium of its own for one test.
///
/// Dropping it ends it and removes what it kept.
///
/// ```
/// fn title_of(page: &str) -> Result<Option<String>, String> {
///     let Some(browser) = axess_peers::Browser::start("title_of")? else { return Ok(None) };
///     let mut tab = browser.person()?;
///     tab.open(page)?;
///     Ok(tab.run("document.title")?.as_str().map(str::to_owned))
/// }
/// ```
#[derive(Debug)]
pub struct Browser {
    pipe: Arc<Pipe>,
    child: Child,
    folder: PathBuf,
}

impl Browser {
    /// Starts one; nothing where Chromium is missing, and then the test is noted as skipped.
    ///
    /// # Errors
    ///
    /// A message when it does not start.
    pub fn start(test: &str) -> Result<Option<Self>, String> {
        let Some(program) = find_program("chromium") else {
            skip(test, "chromium is missing (cargo xtask peers install)");
            return Ok(None);
        };
        let folder = make_folder()?;
        // It reads from 3 and writes to 4.
        let mut command = Command::new("setpriv");
        command.args([
            "--pdeathsig",
            "KILL",
            "sh",
            "-c",
            "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
        ]);
        command.arg(program).args(FLAGS);
        command.arg(format!("--user-data-dir={}", folder.display())).arg("about:blank");
        command.env("HOME", &folder).env("XDG_CONFIG_HOME", &folder).env("XDG_CACHE_HOME", &folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = process::spawn(command).map_err(|error| format!("chromium: {error}"))?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("chromium has no pipe".to_owned());
        };
        let browser = Self { pipe: Arc::new(Pipe::new(orders, answers)), child, folder };
        browser.pipe.call(None, "Browser.getVersion", json!({}))?;
        Ok(Some(browser))
    }

    /// Opens a window of somebody who shares no cookies with the others.
    ///
    /// # Errors
    ///
    /// A message when the browser does not answer.
    pub fn person(&self) -> Result<Tab, String> {
        Tab::open_in(&self.pipe)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(process) = Process::of(self.child.id()) {
            let _ = process.kill();
        }
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn make_folder() -> Result<PathBuf, String> {
    let base = std::env::temp_dir();
    let free = (0..1_000).map(|attempt| base.join(format!("axess-browser-{}-{attempt}", std::process::id())));
    free.into_iter()
        .find(|folder| fs::DirBuilder::new().mode(0o700).create(folder).is_ok())
        .ok_or_else(|| format!("no folder for a browser in {}", base.display()))
}

#[cfg(test)]
mod tests;
