//! The browser's side of a login at an identity provider: sending it there, and reading what it brings back.
//!
//! 1. A handler begins the login and answers with a [`FederationRedirect`].
//! 2. The provider sends the browser back, by a link or by a form it posts. A form comes from the provider's site, without our
//!    `SameSite=Lax` cookies; [`FederationCallback`] therefore answers it with a page that posts the same fields once more, from
//!    our own site.
//! 3. The handler completes the login with what [`FederationCallback`] read. Whether it belongs to this session, the session
//!    itself tells: the state, or the id of the request, is in it.
//!
//! A callback that is posted needs its path in [`CsrfConfig::exempt_path`](crate::CsrfConfig::exempt_path): the first post comes
//! from another site.

mod backchannel;
mod callback;
mod frontchannel;
mod page;
mod redirect;

pub use backchannel::BackchannelLogoutAnswer;
pub use callback::{FederationCallback, FederationCallbackRejection, FederationNotice};
pub use frontchannel::FrontchannelLogout;
pub use redirect::FederationRedirect;
