//! Independent implementations that tests compare ours with: Python packages, each in a folder of its own.

use std::{fs, process::Command};

use super::programs::{can_install, install_packages};
use crate::{Outcome, process};

/// A package, and what must work when it is there.
struct Library {
    /// Below the tools of the build folder.
    folder: &'static str,
    /// Pinned: what they answer is compared.
    requirements: &'static [&'static str],
    /// Whether what it depends on is needed as well.
    with_dependencies: bool,
    import: &'static str,
}

const LIBRARIES: [Library; 2] = [
    Library {
        folder: "pyjwt",
        requirements: &["PyJWT==2.15.1", "cryptography==50.0.2"],
        with_dependencies: true,
        import: "import jwt, cryptography",
    },
    // Its evaluator of policies needs nothing else.
    Library {
        folder: "ministack",
        requirements: &["ministack==1.5.33"],
        with_dependencies: false,
        import: "import ministack.core.iam_evaluator",
    },
];

/// Installs those that are missing below the build folder.
pub(super) fn install() -> Outcome {
    // One that cannot be had must not take the others with it.
    let outcomes: Vec<Outcome> = LIBRARIES.iter().map(Library::install).collect();
    outcomes.into_iter().collect()
}

impl Library {
    fn install(&self) -> Outcome {
        if self.check().is_ok() {
            return Ok(());
        }
        let folder = self.folder()?;
        // What is left of an earlier version or a broken download.
        let _ = fs::remove_dir_all(&folder);
        self.fetch().or_else(|error| {
            if !can_install()? {
                return Err(format!("{error} (on Debian: sudo apt-get install python3-pip)"));
            }
            install_packages(&["python3-pip"])?;
            self.fetch()
        })?;
        self.check()
    }

    fn fetch(&self) -> Outcome {
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--root-user-action=ignore",
        ]);
        if !self.with_dependencies {
            pip.arg("--no-deps");
        }
        process::run(pip.arg("--target").arg(self.folder()?).args(self.requirements))
    }

    fn check(&self) -> Outcome {
        let mut python = Command::new("python3");
        let found = python.args(["-c", self.import]).env("PYTHONPATH", self.folder()?).output();
        match found {
            Ok(output) if output.status.success() => Ok(()),
            _ => Err(format!("Python cannot `{}`", self.import)),
        }
    }

    fn folder(&self) -> Result<std::path::PathBuf, String> {
        Ok(axess_peers::tools_folder().ok_or("this program is in no build folder")?.join(self.folder))
    }
}
