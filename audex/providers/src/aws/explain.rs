//! From what AWS says to what a person can do about it.

use super::answer::{BadAnswer, Said};
use audex_core::{ProviderError, ProviderFault};

/// How many characters of a message are repeated.
const MAX_MESSAGE: usize = 400;

/// Why a request has no answer that can be used.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client could not be made.
    NoClient(Box<dyn std::error::Error + Send + Sync>),
    /// The request could not be signed.
    Unsigned(Box<dyn std::error::Error + Send + Sync>),
    /// The server cannot be reached, or breaks off.
    Unreachable(reqwest::Error),
    /// It takes too long.
    TimedOut { host: String },
    /// The answer is longer than any there is.
    TooLong,
    /// The answer is an error.
    Refused { status: u16, said: Option<Said> },
    /// The answer cannot be read.
    Bad(BadAnswer),
}

/// What was tried, for the words about its failure.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attempt<'a> {
    /// What was tried, as in "assume arn:aws:iam::1:role/app".
    pub(super) what: &'a str,
    pub(super) access_key_id: Option<&'a str>,
    pub(super) has_tags: bool,
    pub(super) has_source_identity: bool,
    pub(super) has_external_id: bool,
    pub(super) is_web_identity: bool,
}

/// The message of a service, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("AWS says {code}: {message}")]
struct Message {
    code: String,
    message: String,
}

impl From<BadAnswer> for Failure {
    fn from(bad: BadAnswer) -> Self {
        Self::Bad(bad)
    }
}

impl Failure {
    /// Tells whether the same request may work in a moment.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut { .. } => true,
            Self::Refused { status, said } => match said {
                Some(said) => is_transient(&said.code) || *status >= 500,
                None => matches!(status, 408 | 429 | 500..),
            },
            Self::NoClient(_) | Self::Unsigned(_) | Self::TooLong | Self::Bad(_) => false,
        }
    }

    /// Says it in full.
    pub(super) fn explain(self, attempt: Attempt<'_>) -> ProviderError {
        let what = attempt.what;
        let may_pass = self.may_pass();
        let new = |fault, what: String| ProviderError::new(fault, what);
        match self {
            Self::NoClient(source) => {
                new(ProviderFault::Rejected, "no HTTPS client can be set up".to_owned())
                    .with_hint("see that AWS_CA_BUNDLE and HTTPS_PROXY are right")
                    .with_source(source)
            }
            Self::Unsigned(source) => {
                new(ProviderFault::Rejected, format!("the request to {what} cannot be signed"))
                    .with_source(source)
            }
            Self::Unreachable(source) => {
                new(ProviderFault::Unreachable, format!("AWS cannot be reached to {what}"))
                    .with_hint("see that the network, the region and the endpoint are right")
                    .with_source(source)
            }
            Self::TimedOut { host } => {
                new(ProviderFault::Unreachable, format!("{host} took too long to {what}"))
                    .with_hint("try again")
            }
            Self::TooLong => bad(what, "the answer is longer than any of AWS"),
            Self::Bad(BadAnswer(why)) => bad(what, why),
            Self::Refused { said: Some(said), .. } if !may_pass => refused(attempt, said),
            Self::Refused { status, said } if may_pass => {
                let error =
                    new(ProviderFault::Unreachable, format!("AWS is too busy to {what} (status {status})"));
                let error = error.with_hint("try again in a moment");
                // An error of AWS itself, or a refusal for the number of requests: no credential came of it.
                let error = match (status, &said) {
                    (429, _) | (_, Some(_)) => error.with_nothing_issued(),
                    _ => error,
                };
                match said {
                    Some(said) => error.with_source(message(said)),
                    None => error,
                }
            }
            Self::Refused { status: 300..400, .. } => {
                bad(what, "the server sends us elsewhere, where credentials are not sent")
            }
            Self::Refused { status, .. } => bad(what, "the server answers with an error that is none of AWS")
                .with_hint(format!("the status is {status}")),
        }
    }
}

fn bad(what: &str, why: &str) -> ProviderError {
    ProviderError::new(
        ProviderFault::BadAnswer,
        format!("the answer to the request to {what} cannot be used: {why}"),
    )
    .with_hint("see that the endpoint is that of AWS")
}

fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "SlowDown"
            | "ServiceUnavailable"
            | "InternalFailure"
            | "InternalError"
            | "RequestTimeout"
            | "IDPCommunicationError"
            | "ConcurrentModification"
    )
}

/// Makes the words for an error code.
fn refused(attempt: Attempt<'_>, said: Said) -> ProviderError {
    let what = attempt.what;
    let (fault, text, hints) = match said.code.as_str() {
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" | "AuthFailure" => {
            let key = attempt.access_key_id.unwrap_or("that was used");
            let hint =
                "see which credentials are found first (environment, profile), and that the key is active";
            (
                ProviderFault::NotLoggedIn,
                format!("AWS does not know the access key {key}"),
                vec![hint.to_owned()],
            )
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" | "RequestExpired" => {
            let key = attempt.access_key_id.unwrap_or("that was used");
            let hints =
                ["see that the secret access key belongs to it", "see that this machine's clock is right"];
            let text = format!("AWS does not accept our signature with the access key {key}");
            (ProviderFault::NotLoggedIn, text, hints.map(str::to_owned).to_vec())
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => expired(attempt),
        "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => {
            let hint = "configure base credentials, for example with AWS_PROFILE".to_owned();
            (ProviderFault::NotLoggedIn, "AWS got no credentials from us".to_owned(), vec![hint])
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => denied(attempt, &said.message),
        _ => rejected(attempt, &said),
    };
    let error = ProviderError::new(fault, text);
    let error = hints.into_iter().fold(error, ProviderError::with_hint);
    // This message has the whole request in it, session token included.
    let is_telling = !matches!(said.code.as_str(), "SignatureDoesNotMatch" | "InvalidSignatureException")
        && !said.message.contains("webIdentityToken");
    tracing::debug!(code = said.code, what, "AWS refused");
    if is_telling { error.with_source(message(said)) } else { error }
}

type Words = (ProviderFault, String, Vec<String>);

fn expired(attempt: Attempt<'_>) -> Words {
    let (text, hint) = if attempt.is_web_identity {
        (
            "the token in the web identity file has expired",
            "see that whatever writes the file still renews it",
        )
    } else {
        ("our own credentials for AWS have expired", "log in again, for example with `aws sso login`")
    };
    (ProviderFault::NotLoggedIn, text.to_owned(), vec![hint.to_owned()])
}

fn denied(attempt: Attempt<'_>, message: &str) -> Words {
    let what = attempt.what;
    let words = |text: String, hints: &[&str]| {
        (ProviderFault::Denied, text, hints.iter().map(|&hint| hint.to_owned()).collect())
    };
    if message.contains("sts:TagSession") {
        let text = format!("we may not tag the session when we {what}");
        return words(
            text,
            &["allow sts:TagSession to us in the role's trust policy", "or turn session_tags off"],
        );
    }
    if message.contains("sts:SetSourceIdentity") {
        let text = format!("we may not set the source identity when we {what}");
        let hints =
            ["allow sts:SetSourceIdentity to us in the role's trust policy", "or turn source_identity off"];
        return words(text, &hints);
    }
    let text = format!("AWS does not allow us to {what}");
    if attempt.is_web_identity {
        let hint = "see that the role's trust policy names the token's issuer, audience and subject, and allows \
                    sts:AssumeRoleWithWebIdentity";
        return words(text, &[hint]);
    }
    if !what.starts_with("assume ") {
        return words(text, &["see that our credentials, or the revoker role, are allowed that"]);
    }
    let mut hints = vec![
        "see that the role is there, that its trust policy names us, and that our own policies allow sts:AssumeRole on it",
    ];
    if attempt.has_tags || attempt.has_source_identity {
        hints.push(
            "see that the trust policy allows sts:TagSession and sts:SetSourceIdentity too, or turn session_tags and \
             source_identity off",
        );
    }
    hints.push(match attempt.has_external_id {
        true => "see that external_id is the one that the trust policy asks for",
        false => "set external_id where the trust policy asks for one",
    });
    words(text, &hints)
}

fn rejected(attempt: Attempt<'_>, said: &Said) -> Words {
    let what = attempt.what;
    let message = &said.message;
    let words = |text: &str, hint: &str| (ProviderFault::Rejected, text.to_owned(), vec![hint.to_owned()]);
    match said.code.as_str() {
        "PackedPolicyTooLarge" => {
            let hint = "ask for less in one session, or turn session_tags off";
            words("the policy and the tags are too large for AWS once they are packed", hint)
        }
        "MalformedPolicyDocument" => words(
            "AWS cannot read the session policy",
            "look at it with --dry-run, and at what AWS says about it",
        ),
        "ValidationError" if message.contains("MaxSessionDuration") => words(
            "the role gives shorter sessions than asked for",
            "ask for a shorter lifetime, or raise the role's maximum session duration",
        ),
        "ValidationError"
            if message.contains("role chaining") || message.contains("1 hour session limit") =>
        {
            words(
                "our own credentials are a role's session, and AWS gives an hour at most",
                "ask for a lifetime of 1h",
            )
        }
        "RegionDisabledException" => words(
            "STS is not enabled in this region for the account",
            "use another region, or enable STS there",
        ),
        "InvalidIdentityToken" | "IDPRejectedClaim" => words(
            "AWS does not accept the token in the web identity file",
            "see that the account has an identity provider for its issuer and audience, and that the file is current",
        ),
        "NoSuchEntity" => words("there is no such role", "see that the ARN is right"),
        "LimitExceeded" => words(
            "the role has no room for another inline policy",
            "remove the denials of sessions that have expired (tryaudex clean)",
        ),
        "UnmodifiableEntity" => words(
            "AWS manages that role, and nobody can add a policy to it",
            "use a role of your own for what must be revocable",
        ),
        code => (ProviderFault::Rejected, format!("AWS does not {what}: {code}"), Vec::new()),
    }
}

fn message(said: Said) -> Message {
    let mut message: String =
        said.message.chars().take(MAX_MESSAGE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if said.message.chars().nth(MAX_MESSAGE).is_some() {
        message.push('…');
    }
    Message { code: said.code, message }
}

#[cfg(test)]
mod tests;
