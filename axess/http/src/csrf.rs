//! Refuses requests that another site makes a browser send.
//!
//! Decision rules, first match wins:
//!
//! 1. `GET`, `HEAD`, `OPTIONS` and `TRACE` are allowed: they must not change anything. A `GET` that opens a WebSocket is not
//!    one of them, because the connection it opens can.
//! 2. An exempt path is allowed ([`CsrfConfig::exempt_path`]), and so is a program's request with a bearer token, where that
//!    is asked for ([`CsrfConfig::exempt_bearer`]).
//! 3. `Sec-Fetch-Site` is sent (every browser since 2023): `same-origin` and `none` are allowed; `same-site` and
//!    `cross-site` only from a listed origin; anything else, or two of them, is refused.
//! 4. `Origin` is sent: it must be a listed origin or, when none is listed, `https` with the host and port the request was
//!    sent to; `http` too, with its own port, when [`CsrfConfig::secure`] is off. `null`, malformed or repeated is refused.
//!    List every origin of your own pages once you list one.
//! 5. Neither is sent, nor any cookie, and the body cannot be a form's: allowed. A page of another site can send, without a
//!    preflight, only `application/x-www-form-urlencoded`, `multipart/form-data`, `text/plain` or a body without a type. A
//!    body of another type is from a program; a request with no body and no cookies acts in nobody's name.
//! 6. Neither is sent, but cookies or a form are (an old browser): the header `x-csrf-token` must repeat the CSRF cookie, and
//!    both must be a token signed for this session. Tokens are read from the header only, never from a form body, so a plain
//!    form of an old browser needs a script that sets the header.
//!
//! Forms need a token even without cookies because of the login: a form of another site that logs the victim's browser in
//! as the attacker needs no cookie, and browsers from before `Origin` say nothing about where it came from. Where programs
//! post forms, such as a token endpoint, exempt the path and authenticate each request.
//!
//! An authenticated session's token is bound to the session id: another session's token, or one from before the login, does
//! not pass. Everybody else's is signed but bound to nobody. When the id changes during a request, the response carries a
//! token for the new id. The layer belongs inside the session layer, which is where it learns the id from.
//!
//! A client that authenticates by something else the browser adds by itself (TLS client certificates, HTTP Basic) and sends
//! neither cookies nor `Origin` is not covered by rule 5 when it sends no body; no current browser is such a client.
//!
//! A refusal is `403` with an `application/problem+json` body (RFC 9457) that repeats nothing of the request.

mod config;
mod decide;
mod layer;
mod origin;
#[cfg(test)]
mod tests;
mod token;

pub use config::{CsrfConfig, CsrfConfigError, CsrfRejection, MAX_CSRF_RULES, OnCsrfReject};
pub use decide::CsrfReason;
pub use layer::{CsrfFuture, CsrfLayer, CsrfService};
pub use token::CsrfToken;
