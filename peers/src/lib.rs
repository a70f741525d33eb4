//! Real servers for tests, on loopback: PostgreSQL, MariaDB, Redis and Valkey (alone and as a cluster), SMTP, syslog, S3, AWS,
//! OpenBao, Prometheus, an OTLP collector, an OpenID Provider and SAML
//! identity providers; and a browser.
//!
//! Does not know about: any other crate of the workspace, the clients that talk to the servers, or how missing
//! programs are installed (`cargo xtask peers install`).
//!
//! A test that only stores and reads uses the servers that `cargo xtask test` started: [`shared`]. A test that kills,
//! stops or freezes a server starts one of its own: [`Server`]. Linux only: processes are read from `/proc`.
#![forbid(unsafe_code)]

mod aws;
mod browser;
mod collector;
mod desktop;
mod inbox;
mod kind;
mod mailbox;
mod openid;
mod place;
mod process;
mod programs;
mod prometheus;
mod recipe;
mod record;
mod server;
mod shared;

pub use aws::AwsAccount;
pub use browser::{Browser, Look, Tab};
pub use collector::{CollectedSpan, Collector};
pub use desktop::Desktop;
pub use inbox::{SyslogInbox, SyslogMessage};
pub use kind::Kind;
pub use mailbox::{Mail, Mailbox};
pub use openid::OpenIdProvider;
pub use process::Process;
pub use programs::{find_program, tools_folder};
pub use prometheus::Prometheus;
pub use record::Recorded;
pub use server::Server;
pub use shared::{shared, skip};
