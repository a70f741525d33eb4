//! Who mints: AWS, and the broker's own issuer.
//!
//! | For | Take |
//! |---|---|
//! | AWS | [`aws::AwsProvider`] |
//! | the broker's own tokens | [`local::LocalProvider`] |
//! | what is not there yet | [`UnavailableProvider`] |
//! | finding one by name | [`Providers`] |
//!
//! What comes from the environment is handed in: nothing here reads the variables of the process.
//!
//! Does not know about: rules, approvals, sessions on disk, terminals, the processes that use a credential.
#![forbid(unsafe_code)]

pub mod aws;
pub mod local;
mod registry;
mod unavailable;

pub use registry::Providers;
pub use unavailable::UnavailableProvider;
