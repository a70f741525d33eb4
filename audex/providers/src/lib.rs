//! Who mints: AWS, and the broker's own issuer.
//!
//! | For | Take |
//! |---|---|
//! | AWS | [`aws::AwsProvider`] |
//! | the broker's own tokens | [`local::LocalProvider`] |
//! | what is not there yet | [`UnavailableProvider`] |
//!
//! What comes from the environment is handed in: nothing here reads the variables of the process.
//!
//! Does not know about: rules, approvals, sessions on disk, terminals, the processes that use a credential.
#![forbid(unsafe_code)]

pub mod aws;
pub mod local;
mod unavailable;

pub use unavailable::UnavailableProvider;
