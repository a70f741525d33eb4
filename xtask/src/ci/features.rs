//! What others build compiles without features, and with each feature alone: the facade, and the program.

use crate::{Outcome, workspace::Workspace};

const BUILT_BY_OTHERS: [&str; 2] = ["axess", "audex-cli"];

pub(super) fn run(workspace: &Workspace) -> Outcome {
    for name in BUILT_BY_OTHERS {
        let package = workspace.package(name).ok_or_else(|| format!("there is no package `{name}`"))?;
        for set in sets(package.features.keys()) {
            let mut args = vec!["clippy", "-p", name, "--no-default-features"];
            if let Some(feature) = set {
                args.extend(["--features", feature]);
            }
            // Clippy rather than check: an import that only one feature uses is a warning, and here an error.
            args.extend(["--", "-D", "warnings"]);
            super::cargo(workspace, &args)?;
        }
    }
    Ok(())
}

/// No feature, then each one alone. `default` only names others.
fn sets<'a>(features: impl Iterator<Item = &'a String>) -> Vec<Option<&'a str>> {
    let each = features.map(String::as_str).filter(|name| *name != "default").map(Some);
    std::iter::once(None).chain(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_built_alone() {
        let features = ["default", "email-otp", "totp"].map(str::to_owned);
        assert_eq!(sets(features.iter()), [None, Some("email-otp"), Some("totp")]);
    }
}
