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
