use super::ServerAddress;
use crate::exit::{Exit, Failure};
use http::StatusCode;

/// Says why a server did not do what it was asked.
///
/// ```
/// use audex_cli::remote::RemoteError;
/// let error = RemoteError::NotLoggedIn("https://audex.example.com".parse().unwrap());
/// assert_eq!(error.to_string(), "you are not logged in to https://audex.example.com");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is no login, or it is over.
    #[error("you are not logged in to {0}")]
    NotLoggedIn(ServerAddress),
    /// Nobody answers.
    #[error("the server {address} cannot be reached")]
    Unreachable {
        /// The server.
        address: ServerAddress,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It answered something that is no answer of a team server.
    #[error("{address} answers something that is no answer of a team server: {what}")]
    Unreadable {
        /// The server.
        address: ServerAddress,
        /// What is wrong with it.
        what: String,
    },
    /// It says no.
    #[error("{detail}")]
    Refused {
        /// With this status.
        status: StatusCode,
        /// Why, as a code that does not change.
        code: String,
        /// Why, in a sentence.
        detail: String,
        /// What would work.
        instead: Vec<String>,
        /// After how many seconds to ask again.
        retry_after: Option<u64>,
    },
}

impl RemoteError {
    /// Tells whether the same may work in a moment: nobody answered, or the server said that it cannot now.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            // That a provider failed is an answer; that the server, or a proxy before it, cannot answer now is none.
            Self::Refused { code, .. } if code == "provider_failed" => false,
            Self::Refused { status, .. } => {
                matches!(
                    *status,
                    StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
                )
            }
            Self::NotLoggedIn(_) | Self::Unreadable { .. } => false,
        }
    }

    /// Tells whether it is a refusal with this code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let failure = |exit| Self::of(exit, &error);
        match &error {
            RemoteError::NotLoggedIn(address) => {
                failure(Exit::Denied).with_help(format!("tryaudex login --server {address}"))
            }
            RemoteError::Unreachable { .. } => failure(Exit::Provider).with_help(
                "nothing was issued that is not in the server's own log; try again when it is back",
            ),
            RemoteError::Unreadable { .. } => failure(Exit::Provider)
                .with_help("see that the address is that of a team server: --server, AUDEX_SERVER"),
            RemoteError::Refused { status, code, instead, retry_after, .. } => {
                let exit = match (*status, code.as_str()) {
                    (StatusCode::TOO_MANY_REQUESTS, _) => Exit::RateLimited,
                    (_, "approval_needed" | "approval_used" | "plan_changed") => Exit::ApprovalNeeded,
                    (_, "session_over") => Exit::DeadlinePassed,
                    (
                        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND,
                        _,
                    ) => Exit::Usage,
                    (status, _) if status.is_server_error() => Exit::Provider,
                    _ => Exit::Denied,
                };
                let help = retry_after.map(|seconds| format!("ask again in {seconds} s"));
                instead.iter().cloned().chain(help).fold(failure(exit), Self::with_help)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_code_that_is_documented() {
        for (status, code, exit) in [
            (429, "rate_limit_exceeded", Exit::RateLimited),
            (403, "denied", Exit::Denied),
            (403, "approval_needed", Exit::ApprovalNeeded),
            (409, "session_over", Exit::DeadlinePassed),
            (409, "already_decided", Exit::Denied),
            (400, "invalid_request", Exit::Usage),
            (502, "provider_failed", Exit::Provider),
            (500, "internal_error", Exit::Provider),
        ] {
            let refused = RemoteError::Refused {
                status: StatusCode::from_u16(status).unwrap(),
                code: code.to_owned(),
                detail: "no".to_owned(),
                instead: Vec::new(),
                retry_after: Some(7),
            };
            let failure = Failure::from(refused);
            assert_eq!(
                (failure.exit, failure.help.as_slice()),
                (exit, ["ask again in 7 s".to_owned()].as_slice()),
                "{code}"
            );
        }
    }
}
