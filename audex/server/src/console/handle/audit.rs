use super::{faults::form_encoded, visit::Visit};
use crate::{
    access::{Action, CALLER, Subject},
    app::App,
    console::view::{
        audit::{AuditFilter, AuditPage, AuditRow},
        frame::{Here, answer},
    },
    evidence::AuditQuery,
    model::Page,
    problem::Problem,
};
use axess::GuardedRouter;
use axum::{extract::Query, response::Response};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// How many events a page shows.
const SHOWN: u32 = 50;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/console/audit", CALLER, show)
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    event_type: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    session: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    after: Option<String>,
}

async fn show(visit: Visit, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    visit.app.access.may(&visit.caller, Action::Read, &Subject::Audit)?;
    let (found, fault) = match query_of(&wanted) {
        Ok(query) => (visit.app.evidence.search(&query).await?, None),
        Err(fault) => (Page { items: Vec::new(), next: None }, Some(fault)),
    };
    let rows = found.items.iter().map(|entry| {
        let event = serde_json::to_value(entry).unwrap_or_default();
        AuditRow::new(entry.timestamp, &event)
    });
    let export = export_of(&wanted);
    let page = AuditPage {
        frame: visit.frame("Audit", Here::Audit),
        rows: rows.collect(),
        next: found.next.map(|next| format!("/console/audit?after={}{export}", form_encoded(&next))),
        export,
        filter: AuditFilter {
            event_type: wanted.event_type,
            user: wanted.user,
            session: wanted.session,
            since: wanted.since,
            until: wanted.until,
        },
        fault,
    };
    let status = if page.fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(answer(status, &page))
}

fn query_of(wanted: &Wanted) -> Result<AuditQuery, String> {
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let time = |text: &str| match time_of(text) {
        None if !text.trim().is_empty() => {
            Err("A time is a day, as in 2026-01-31, or a moment, as in 2026-01-31T09:30:00Z.".to_owned())
        }
        time => Ok(time),
    };
    let query = AuditQuery {
        event_type: some(&wanted.event_type),
        user: some(&wanted.user),
        session: some(&wanted.session),
        since: time(&wanted.since)?,
        until: time(&wanted.until)?,
        limit: Some(SHOWN),
        after: wanted.after.clone(),
    };
    query.check().map_err(|fault| format!("{}: {}", fault.condition, fault.detail))?;
    Ok(query)
}

/// Reads a moment, or the beginning of a day (UTC).
fn time_of(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let moment = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc));
    let day = || text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    moment.or_else(|_| day()).ok()
}

/// Writes the filter as the rest of a query.
fn export_of(wanted: &Wanted) -> String {
    let time = |text: &str| time_of(text).map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    let pairs = [
        ("event_type", wanted.event_type.trim().to_owned()),
        ("user", wanted.user.trim().to_owned()),
        ("session", wanted.session.trim().to_owned()),
        ("since", time(&wanted.since).unwrap_or_default()),
        ("until", time(&wanted.until).unwrap_or_default()),
    ];
    let set = pairs.iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| format!("&{name}={}", form_encoded(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_written_as_it_is_read() {
        let wanted = Wanted {
            event_type: " credential_requested ".to_owned(),
            user: "a+b&c@example.com".to_owned(),
            session: String::new(),
            since: "2026-01-31".to_owned(),
            until: "2026-01-31T09:30:00+02:00".to_owned(),
            after: None,
        };
        let query = query_of(&wanted).unwrap();
        assert_eq!(query.event_type.as_deref(), Some("credential_requested"));
        assert_eq!(query.since.unwrap().to_rfc3339(), "2026-01-31T00:00:00+00:00");
        let export = export_of(&wanted);
        assert!(export.contains("&user=a%2Bb%26c%40example.com&since=2026-01-31T00%3A00%3A00Z"), "{export}");
        assert!(export.ends_with("&until=2026-01-31T07%3A30%3A00Z"), "{export}");
        assert!(query_of(&Wanted { until: "soon".to_owned(), ..wanted }).is_err());
    }
}
