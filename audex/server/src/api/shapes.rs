//! What is answered, as JSON and as schemas.

mod approval;
mod issued;
mod plan;
mod session;

pub(super) use approval::ApprovalShape;
pub(super) use issued::{Issued, Standing, Waiting};
pub(super) use plan::PlanShape;
pub(super) use session::{Revoked, SessionShape};

use crate::model::PendingRequest;
use chrono::{DateTime, SecondsFormat, Utc};

/// Writes a time as RFC 3339 in UTC and whole seconds, rounded down.
pub(super) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns the page of a request.
pub(crate) fn console_url(public_url: &str, pending: &PendingRequest) -> String {
    format!("{}/console/requests/{}", public_url.trim_end_matches('/'), pending.session_id)
}

/// Writes hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes `BudgetExceeded` as `budget_exceeded`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for one in name.chars() {
        if one.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(one.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use audex_core::session::SessionStatus;

    #[test]
    fn names_and_times_are_in_one_form() {
        let names: Vec<String> = SessionStatus::ALL.iter().map(|status| snake(status.name())).collect();
        assert_eq!(names, ["active", "completed", "failed", "expired", "revoked", "budget_exceeded"]);
        let time = DateTime::from_timestamp(1_704_111_300, 999_999_999).unwrap();
        assert_eq!(stamp(time), "2024-01-01T12:15:00Z");
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
    }
}
