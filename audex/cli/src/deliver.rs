//! How a credential reaches the command: as variables, in a file, from a program it asks, or from a server on loopback.
//!
//! Each way returns the variables that the command gets. What is written in them and in documents is the provider's;
//! what is here is who may read it and for how long.

pub mod endpoint;
pub mod env;
pub mod file;
pub mod process;

mod documents;
mod variables;

pub use documents::{Document, Documents};
pub use variables::Variables;

use crate::private_folder::PrivateFolderError;
use audex_core::Credential;
use audex_policy::Provider;
use std::{io, path::PathBuf};

/// Says why a credential could not be delivered.
///
/// ```
/// use audex_cli::deliver::DeliverError;
/// use audex_policy::Provider;
/// let error = DeliverError::NotThisWay { provider: Provider::Gcp, way: "endpoint" };
/// assert_eq!(error.to_string(), "credentials of gcp cannot be delivered by endpoint (env works)");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The provider's programs do not read credentials this way.
    #[error("credentials of {provider} cannot be delivered by {way} (env works)")]
    NotThisWay {
        /// Whose credential.
        provider: Provider,
        /// The way that was wanted.
        way: &'static str,
    },
    /// The private folder did not take it.
    #[error("the credential cannot be put into the private folder")]
    Folder(#[from] PrivateFolderError),
    /// A path cannot be written into a configuration file that programs read in different ways.
    #[error("{} has characters that programs would read in different ways (a path of letters, digits and ._-+/ works)", .0.display())]
    OddPath(PathBuf),
    /// The server could not be started.
    #[error("no server can be started on loopback")]
    Listen(#[source] io::Error),
}

/// Returns what is no secret and goes beside each delivery: where requests go, under both names that SDKs read.
fn regions(credential: &Credential) -> Variables {
    const NAMES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    let Some(any) = NAMES.iter().find_map(|name| credential.part(name)) else { return Variables::default() };
    NAMES
        .into_iter()
        .fold(Variables::default(), |all, name| all.with(name, credential.part(name).unwrap_or(any).clone()))
}
