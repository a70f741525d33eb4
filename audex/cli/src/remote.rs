//! The team server, as whoever asks it sees it: where it is, who we are to it, what it answers.
//!
//! [`ServerAddress`] says where it is, [`Logins`] keeps what a login gave, [`Remote`] asks. [`Served`] lets a session around a
//! command go by what a server decided.
//!
//! Does not know about: the rules of the server, terminals, clap.

mod address;
mod answers;
mod client;
mod device;
mod error;
mod logins;
mod served;
mod signing;

pub use address::{ParseServerAddressError, ServerAddress};
pub use answers::{Asked, Decision, Granted, Me, PendingApproval, Polled, RemoteSession, Said, Standing};
pub use client::Remote;
pub use device::{Device, DeviceToken};
pub use error::RemoteError;
pub use logins::{Login, Logins};
pub use served::{Served, ServedTarget};
pub use signing::ApprovalSigner;
