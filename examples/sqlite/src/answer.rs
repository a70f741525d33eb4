//! What clients are told: the outcomes of the service, as JSON with a status.

use axess::{
    EnrolmentOutcome, FactorKind, FactorOutcome, PasswordChangeOutcome, PasswordResetOutcome, SignupOutcome,
};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// The outcome of whatever takes a credential, a code or a new password.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum Answer {
    Authenticated,
    SecondFactorRequired { choices: Vec<FactorKind> },
    Refused,
    CodeSent,
    AccountCreated,
    CodeAccepted,
    PasswordSet,
    WeakPassword { reason: String },
    PasswordUsedBefore,
    NameTaken,
    Enrolled { recovery_codes: Vec<String> },
    EnrolmentExpired,
}

impl Answer {
    fn status(&self) -> StatusCode {
        match self {
            Self::Refused => StatusCode::UNAUTHORIZED,
            Self::WeakPassword { .. } | Self::PasswordUsedBefore => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NameTaken | Self::EnrolmentExpired => StatusCode::CONFLICT,
            Self::Authenticated
            | Self::SecondFactorRequired { .. }
            | Self::CodeSent
            | Self::AccountCreated
            | Self::CodeAccepted
            | Self::PasswordSet
            | Self::Enrolled { .. } => StatusCode::OK,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status(), Json(self)).into_response()
    }
}

impl From<FactorOutcome> for Answer {
    fn from(outcome: FactorOutcome) -> Self {
        match outcome {
            FactorOutcome::Authenticated => Self::Authenticated,
            FactorOutcome::FactorRequired(step) => {
                Self::SecondFactorRequired { choices: step.kinds().to_vec() }
            }
            // A locked account looks like a wrong credential: the answer does not tell who has an account.
            FactorOutcome::InvalidCredential | FactorOutcome::Locked { .. } => Self::Refused,
        }
    }
}

impl From<SignupOutcome> for Answer {
    fn from(outcome: SignupOutcome) -> Self {
        match outcome {
            SignupOutcome::CodeSent => Self::CodeSent,
            SignupOutcome::Completed { .. } => Self::AccountCreated,
            SignupOutcome::IdentifierTaken => Self::NameTaken,
            SignupOutcome::WeakPassword(why) => Self::WeakPassword { reason: why.to_string() },
            SignupOutcome::InvalidCode => Self::Refused,
        }
    }
}

impl From<PasswordResetOutcome> for Answer {
    fn from(outcome: PasswordResetOutcome) -> Self {
        match outcome {
            PasswordResetOutcome::CodeAccepted => Self::CodeAccepted,
            PasswordResetOutcome::InvalidCode => Self::Refused,
            PasswordResetOutcome::Completed => Self::PasswordSet,
            PasswordResetOutcome::WeakPassword(why) => Self::WeakPassword { reason: why.to_string() },
            PasswordResetOutcome::Reused => Self::PasswordUsedBefore,
        }
    }
}

impl From<PasswordChangeOutcome> for Answer {
    fn from(outcome: PasswordChangeOutcome) -> Self {
        match outcome {
            PasswordChangeOutcome::Changed { .. } => Self::PasswordSet,
            PasswordChangeOutcome::InvalidCredential | PasswordChangeOutcome::Locked { .. } => Self::Refused,
            PasswordChangeOutcome::WeakPassword(why) => Self::WeakPassword { reason: why.to_string() },
            PasswordChangeOutcome::Reused => Self::PasswordUsedBefore,
        }
    }
}

impl From<EnrolmentOutcome> for Answer {
    fn from(outcome: EnrolmentOutcome) -> Self {
        match outcome {
            EnrolmentOutcome::Enrolled { recovery_codes } => Self::Enrolled {
                recovery_codes: recovery_codes.iter().map(|code| code.expose().to_owned()).collect(),
            },
            EnrolmentOutcome::InvalidCode => Self::Refused,
            EnrolmentOutcome::Expired => Self::EnrolmentExpired,
        }
    }
}
