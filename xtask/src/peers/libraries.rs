//! Independent implementations that tests compare ours with or serve: Python packages, each set in a folder of its own.

use std::{fs, process::Command};

use axess_peers::Kind;

use super::programs::{can_install, install_packages};
use crate::{Outcome, process};

/// A package, and what must work when it is there.
struct Library {
    /// Below the tools of the build folder.
    folder: &'static str,
    /// Pinned: what they answer is compared.
    requirements: &'static [&'static str],
    import: &'static str,
    /// The server that is made of it.
    serves: Option<Kind>,
}

const LIBRARIES: [Library; 9] = [
    Library {
        folder: "pyjwt",
        requirements: &["PyJWT==2.15.1", "cryptography==50.0.2"],
        import: "import jwt, cryptography",
        serves: None,
    },
    // Its evaluator of policies is used by itself, too.
    Library {
        folder: "ministack",
        requirements: &["ministack==1.5.33", "hypercorn==0.18.0"],
        import: "import ministack.core.iam_evaluator, hypercorn.asyncio, botocore.session",
        serves: Some(Kind::MiniStack),
    },
    // Not `moto[server]`, which brings three times as much for services that no test asks.
    Library {
        folder: "moto",
        requirements: &["moto==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"],
        import: "import moto.server",
        serves: Some(Kind::Moto),
    },
    // Signs and encrypts with xmlsec1, which is a program of its own.
    Library {
        folder: "pysaml2",
        requirements: &["pysaml2==7.5.5"],
        import: "import saml2.server",
        serves: Some(Kind::SamlIdp),
    },
    // The AWS CLI, which is a Python module too, and the SDK that it is made of.
    Library {
        folder: "aws",
        requirements: &["awscli==1.46.3", "boto3==1.44.5"],
        import: "import awscli.clidriver, boto3",
        serves: None,
    },
    // What others broker roles with: the broker's benchmark. The first does not work with a newer SDK.
    Library {
        folder: "brokers",
        requirements: &["aws-export-credentials==0.18.0", "awsume==4.5.4", "boto3==1.34.162"],
        import: "import aws_export_credentials, awsume.awsumepy.main",
        serves: None,
    },
    // Checks the manifest in `deploy`.
    Library {
        folder: "kubernetes",
        requirements: &["kubernetes-validate==1.37.0"],
        import: "import kubernetes_validate",
        serves: None,
    },
    // Judges the description of the API.
    Library {
        folder: "openapi",
        requirements: &["openapi-spec-validator==0.9.0"],
        import: "import openapi_spec_validator.validation",
        serves: None,
    },
    // Makes requests up from that description, and holds the answers against it.
    Library {
        folder: "schemathesis",
        requirements: &["schemathesis==4.32.5"],
        import: "import schemathesis.cli",
        serves: None,
    },
];

/// Installs those that are missing below the build folder.
pub(super) fn install() -> Outcome {
    // One that cannot be had must not take the others with it.
    let outcomes: Vec<Outcome> = LIBRARIES.iter().map(Library::install).collect();
    outcomes.into_iter().collect()
}

/// Returns true for a kind whose server is made of a library.
#[cfg(test)]
pub(super) fn has(kind: Kind) -> bool {
    LIBRARIES.iter().any(|library| library.serves == Some(kind))
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
            "--no-warn-conflicts",
        ]);
        process::run(pip.arg("--target").arg(self.folder()?).args(self.requirements))
    }

    fn check(&self) -> Outcome {
        let mut python = Command::new("python3");
        // Without what else is installed: another version of it would do.
        let found = python.args(["-S", "-c", self.import]).env("PYTHONPATH", self.folder()?).output();
        match found {
            Ok(output) if output.status.success() => self.serves.and_then(Kind::missing).map_or(Ok(()), Err),
            _ => Err(format!("Python cannot `{}`", self.import)),
        }
    }

    fn folder(&self) -> Result<std::path::PathBuf, String> {
        Ok(axess_peers::tools_folder().ok_or("this program is in no build folder")?.join(self.folder))
    }
}
