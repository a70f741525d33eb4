use reqwest::StatusCode;

/// What a status says about a request.
pub(super) enum Answer {
    /// The events are there.
    Taken,
    /// Something in it cannot be taken, or it is too large.
    Refused,
    /// Nothing is said about the events.
    Later(AnswerError),
}

/// Why a receiver did not take events, with what an operator can do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("the receiver answers {0}: it does not accept who is asking; look at the keys and the address")]
    Denied(u16),
    #[error("the receiver answers {0}: nothing takes events at this address")]
    WrongAddress(u16),
    #[error(
        "the receiver answers {0}, a redirect, which is not followed; put the final address into the settings"
    )]
    Redirect(u16),
    #[error("the receiver answers {0}: it is too busy")]
    Busy(u16),
    #[error("the receiver answers {0}")]
    Other(u16),
}

impl Answer {
    pub(super) fn of(status: StatusCode) -> Self {
        let code = status.as_u16();
        Self::Later(match code {
            200..=299 => return Self::Taken,
            // What is said about the content of a request. Anything else may hold for every event there is: to give
            // events up for it would empty the log into the dead letters while a key is wrong.
            400 | 406 | 411 | 413 | 414 | 415 | 422 | 431 => return Self::Refused,
            300..=399 => AnswerError::Redirect(code),
            401 | 403 | 407 | 451 => AnswerError::Denied(code),
            404 | 405 | 410 | 421 => AnswerError::WrongAddress(code),
            429 | 503 => AnswerError::Busy(code),
            _ => AnswerError::Other(code),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_about_the_content_gives_events_up() {
        for code in 100..600 {
            let status = StatusCode::from_u16(code).unwrap();
            let is_refusal = matches!(Answer::of(status), Answer::Refused);
            assert_eq!(is_refusal, [400, 406, 411, 413, 414, 415, 422, 431].contains(&code), "{code}");
            assert_eq!(matches!(Answer::of(status), Answer::Taken), status.is_success(), "{code}");
        }
    }
}
