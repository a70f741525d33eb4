/// Returns from the handler unless the session is fully authenticated; otherwise yields the authenticated identity.
///
/// Expands to a call of `require_authn()` on the session; the refusal is converted with `Into` into the handler's
/// return type, so the handler returns `axum::response::Response` (or anything the refusal converts into).
///
/// ```
/// # struct Session(bool);
/// # #[derive(Debug, PartialEq)] struct Refusal;
/// # impl Session { fn require_authn(&self) -> Result<&'static str, Refusal> { if self.0 { Ok("alice") } else { Err(Refusal) } } }
/// # impl From<Refusal> for String { fn from(_: Refusal) -> String { "401".into() } }
/// fn dashboard(session: &Session) -> String {
///     let user = axess_macros::require_authn!(session);
///     format!("welcome {user}")
/// }
/// assert_eq!(dashboard(&Session(true)), "welcome alice");
/// assert_eq!(dashboard(&Session(false)), "401");
/// ```
#[macro_export]
macro_rules! require_authn {
    ($session:expr) => {
        match ($session).require_authn() {
            ::core::result::Result::Ok(identity) => identity,
            ::core::result::Result::Err(refusal) => return ::core::convert::Into::into(refusal),
        }
    };
}

/// Returns from the handler unless a login is in progress; otherwise yields what is known about it.
///
/// The counterpart of [`require_authn!`] for the pages of a login that is not finished (the TOTP prompt).
///
/// ```
/// # struct Session; struct Refusal;
/// # impl Session { fn require_partial_authn(&self) -> Result<u8, Refusal> { Ok(1) } }
/// # impl From<Refusal> for u8 { fn from(_: Refusal) -> u8 { 0 } }
/// fn prompt(session: &Session) -> u8 {
///     axess_macros::require_partial_authn!(session)
/// }
/// assert_eq!(prompt(&Session), 1);
/// ```
#[macro_export]
macro_rules! require_partial_authn {
    ($session:expr) => {
        match ($session).require_partial_authn() {
            ::core::result::Result::Ok(login) => login,
            ::core::result::Result::Err(refusal) => return ::core::convert::Into::into(refusal),
        }
    };
}

/// Returns from the handler unless the policies allow the caller an action on a resource.
///
/// Expands to an awaited call of `require(action, &resource)`; the refusal is converted with `Into` into the handler's
/// return type, as by [`require_authn!`]. The resource may be given itself or by reference.
///
/// ```
/// # struct Authz; struct Refusal;
/// # impl Authz {
/// #     async fn require(&self, action: &str, resource: &String) -> Result<(), Refusal> {
/// #         if (action, resource.as_str()) == ("read", "doc-1") { Ok(()) } else { Err(Refusal) }
/// #     }
/// # }
/// # impl From<Refusal> for String { fn from(_: Refusal) -> String { "403".into() } }
/// async fn read(authz: Authz, document: String) -> String {
///     axess_macros::require_authz!(authz, "read", document);
///     format!("the text of {document}")
/// }
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// # fn run(handler: impl Future<Output = String>) -> String {
/// #     match pin!(handler).poll(&mut Context::from_waker(Waker::noop())) { Poll::Ready(text) => text, Poll::Pending => panic!() }
/// # }
/// assert_eq!(run(read(Authz, "doc-1".into())), "the text of doc-1");
/// assert_eq!(run(read(Authz, "doc-2".into())), "403");
/// ```
#[macro_export]
macro_rules! require_authz {
    ($authz:expr, $action:expr, $resource:expr $(,)?) => {
        match ($authz).require($action, &$resource).await {
            ::core::result::Result::Ok(()) => {}
            ::core::result::Result::Err(refusal) => return ::core::convert::Into::into(refusal),
        }
    };
}
