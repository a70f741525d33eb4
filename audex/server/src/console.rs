//! The web console: pages from the server, forms that post and lead on, small scripts for comfort.
//!
//! 1. [`view`] is what each page shows; it asks nobody. What others wrote passes one escaper ([`text`]).
//! 2. [`routes`] are the handlers: they read a form, call the request service and the access functions, and show what came of it.
//!    None holds a rule.
//! 3. [`with_pages`] turns whatever is refused into a page with a way on, where a browser asked.
//! 4. [`assets`] are in the program: nothing is fetched from elsewhere, and no page runs a script that is not a file of ours.

pub mod assets;
mod handle;
pub mod text;
pub mod view;

pub(crate) use handle::signed_out;
pub use handle::{routes, with_pages};
