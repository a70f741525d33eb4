//! `/compliance/report`: figures of the audit log, beside the controls that they support.

use super::{FromMembers, Members, extract::Params, openapi::Refusals};
use crate::{
    access::{Action, CALLER, Caller, Subject},
    app::App,
    problem::Problem,
};
use audex_report::{Period, Report, Scope, Standard};
use axess::GuardedRouter;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use http::{HeaderName, header};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The longest value of a parameter, in bytes.
const MAX_TEXT: usize = 64;

/// How long the period is unless it is said.
const PERIOD: TimeDelta = TimeDelta::days(90);

/// After how many seconds to ask again while another report is made.
const RETRY_AFTER: u64 = 5;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/compliance/report", CALLER, report)
}

/// In which form a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Pdf,
    Json,
    Csv,
}

/// Which report.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The standard: `soc2`, or `iso27001`.
    #[param(value_type = StandardSchema, rename = "type")]
    standard: Standard,
    /// `pdf` unless it is said; or `json` or `csv`.
    #[param(value_type = Option<FormSchema>, rename = "format")]
    form: Option<Form>,
    /// The beginning of the period: a time with its zone, or a date in UTC; 90 days before the end unless it is said.
    #[param(value_type = Option<String>, max_length = 64, example = "2024-01-01")]
    from: Option<DateTime<Utc>>,
    /// The end of the period: a time, which is not part of it, or a date, which is; now unless it is said.
    #[param(value_type = Option<String>, max_length = 64, example = "2024-03-31")]
    to: Option<DateTime<Utc>>,
}

/// A standard that there are reports for.
#[derive(ToSchema)]
#[schema(as = ReportStandard, rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of a type that knows no OpenAPI")]
pub(super) enum StandardSchema {
    Soc2,
    Iso27001,
}

/// The form of a report.
#[derive(ToSchema)]
#[schema(as = ReportFormat, rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of a type that knows no OpenAPI")]
pub(super) enum FormSchema {
    Pdf,
    Json,
    Csv,
}

impl FromMembers for Wanted {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        const STANDARDS: &str = "`type` is soc2 or iso27001";
        let standard = members.text("type", MAX_TEXT)?.ok_or_else(|| members.invalid("type", STANDARDS))?;
        let standard = Standard::from_name(&standard).ok_or_else(|| members.invalid("type", STANDARDS))?;
        let form = members.text("format", MAX_TEXT)?.map(|name| {
            Form::from_name(&name).ok_or_else(|| members.invalid("format", "`format` is pdf, json or csv"))
        });
        let (from, to) = (moment(members, "from", 0)?, moment(members, "to", 1)?);
        Ok(Self { standard, form: form.transpose()?, from, to })
    }
}

impl Wanted {
    /// Returns the period; what has not happened yet is not in it.
    fn period(&self, now: DateTime<Utc>) -> Result<Period, Problem> {
        let to = self.to.map_or(now, |to| to.min(now));
        let from = self.from.or_else(|| to.checked_sub_signed(PERIOD)).unwrap_or(to);
        if from >= to {
            return Err(Problem::invalid("from", "`from` has to be before `to`, and in the past"));
        }
        Ok(Period { from, to })
    }
}

impl Form {
    fn from_name(name: &str) -> Option<Self> {
        [Self::Pdf, Self::Json, Self::Csv].into_iter().find(|form| form.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    fn write(self, report: &Report) -> Result<Vec<u8>, Problem> {
        let written = match self {
            Self::Pdf => report.to_pdf().map_err(|error| error.to_string()),
            Self::Json => report.to_json().map_err(|error| error.to_string()),
            Self::Csv => Ok(report.to_csv().into_bytes()),
        };
        written.map_err(|error| {
            tracing::error!(error, "a compliance report cannot be written");
            Problem::internal()
        })
    }
}

/// Takes a time, or the beginning of a day that many days later than a date.
fn moment(members: &mut Members, name: &'static str, days: i64) -> Result<Option<DateTime<Utc>>, Problem> {
    let Some(text) = members.text(name, MAX_TEXT)? else { return Ok(None) };
    // In a query that was not escaped, a plus arrives as a space.
    let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok().map(|time| time.to_utc());
    let date = || {
        NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().map(|date| date.and_time(NaiveTime::MIN).and_utc())
    };
    let time = time.or_else(|| date()?.checked_add_signed(TimeDelta::days(days)));
    let wanted =
        format!("`{name}` is a date, as in 2024-01-31, or a time with its zone, as in 2024-01-01T12:00:00Z");
    time.map(Some).ok_or_else(|| members.invalid(name, wanted))
}

/// Reports on a period, with the controls that the figures support
///
/// It is computed from the audit log, of which it names the head. One report is made at a time.
#[utoipa::path(
    get, path = "/compliance/report", operation_id = "report_compliance", tag = "audit", params(Wanted),
    responses(
        (status = 200, description = "The report.", content(
            (String = "application/pdf"), (serde_json::Value = "application/json"), (String = "text/csv")
        )),
        Refusals,
    ),
)]
pub(super) async fn report(
    State(app): State<Arc<App>>,
    caller: Caller,
    wanted: Result<Params<Wanted>, Problem>,
) -> Result<Response, Problem> {
    app.access.may(&caller, Action::Read, &Subject::Audit)?;
    let Params(wanted) = wanted?;
    let now = app.clock.now();
    let period = wanted.period(now)?;
    let turn = app.evidence.report_turn().ok_or_else(|| {
        let detail = "another report is being made: try again in a moment";
        Problem::unavailable().with_detail(detail).with_retry_after(RETRY_AFTER)
    })?;
    let (tally, head) = app.evidence.tally(period, &app.settings.workload_issuers).await?;
    let form = wanted.form.unwrap_or(Form::Pdf);
    let scope = Scope { subject: app.settings.public_url.clone(), at: now, head };
    let written = tokio::task::spawn_blocking(move || {
        let report = Report::of(wanted.standard, scope, &tally);
        let written = form.write(&report).map(|bytes| (report.file_name(), bytes));
        // Also when nobody waits for it any more, the next one begins only now.
        drop(turn);
        written
    });
    let (name, bytes) = written.await.map_err(|_| Problem::internal())??;
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, form.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{}\"", form.name())),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}
