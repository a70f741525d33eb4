//! What a request for credentials asks for, as sets: parse it, narrow it, and write it down for a provider.
//!
//! 1. [`Request`] turns `--allow`, `--resource` and `--profile` into a [`PermissionSet`]; each mistake is reported with
//!    its place and a suggestion.
//! 2. [`narrow`] takes away what is outside a [`Ceiling`] or under a deny rule ([`Rules`]) and says what was cut.
//! 3. [`compile`] writes the [`Grant`] for its provider, or refuses and says what would work. Nothing is widened.
//!
//! [`lint()`], [`explain()`] and [`GrantDiff`] tell people what a grant means. [`Catalogue`] knows the actions there are.
//!
//! Patterns are compared exactly, as sets of strings: `s3:*` meets `*:DeleteObject`, and what they have in common is
//! `s3:DeleteObject`.
//!
//! ```
//! use audex_policy::{Ceiling, Provider, Request, Rules, compile::aws, narrow};
//!
//! let request = Request::parse(Provider::Aws, "storage:read", &["arn:aws:s3:::logs/2026/*"])?;
//! let ceiling = Ceiling { name: "team data".to_owned(), rules: Rules::parse(["s3:*=arn:aws:s3:::logs/*"])? };
//! let narrowing = narrow(&request, &[ceiling], &Rules::parse(["*:Delete*"])?).unwrap();
//! assert!(narrowing.cuts.is_empty());
//! assert!(aws::session_policy(&narrowing.grant).unwrap().document.contains("s3:GetObject"));
//! # Ok::<(), audex_policy::Faults>(())
//! ```
//!
//! Does not know about: who asks, sessions, approvals, configuration files, clocks, networks or any provider's client.
#![forbid(unsafe_code)]

mod action;
mod catalogue;
pub mod compile;
mod diff;
mod explain;
mod fault;
mod glob;
mod grant;
mod lint;
mod narrow;
mod permission;
mod profile;
mod provider;
mod request;
mod resource;
mod rules;
mod text;

pub use action::ActionPattern;
pub use catalogue::{AccessLevel, Catalogue, CatalogueAction, nearest::nearest};
pub use compile::{Refusal, RefusalReason};
pub use diff::GrantDiff;
pub use explain::explain;
pub use fault::{Fault, Faults, Origin, Problem};
pub use grant::Grant;
pub use lint::{Finding, Lint, Severity, lint};
pub use narrow::{Ceiling, Cut, CutReason, Narrowing, narrow};
pub use permission::{Permission, PermissionSet, TooIntricate};
pub use profile::{ProfileConfig, Profiles};
pub use provider::{Provider, UnknownProvider};
pub use request::{Request, RequestBuilder, universal_verbs};
pub use resource::ResourcePattern;
pub use rules::Rules;
pub use text::{is_deceptive, is_unseen};
