//! SAML against others: identity providers that are not ours, xmlsec1, and what attackers made of a genuine response.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test is made of may fail it"
)]

mod attacks;
mod browser;
mod configuration;
mod encryption;
mod genuine;
mod keys;
mod live;
mod logout;
mod logout_messages;
mod metadata;
mod mutations;
mod parties;
mod simplesaml;
mod unsolicited;
mod xmlsec;
