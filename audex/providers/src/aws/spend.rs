//! What an account has spent, as Cost Explorer knows it.

use super::{
    Inner,
    answer::BadAnswer,
    call::Call,
    endpoints::Service,
    explain::{Attempt, Failure},
};
use audex_core::{ProviderError, ProviderFault, budget::Dollars};
use chrono::{Days, NaiveDate};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

/// The most pages of an answer.
const MAX_PAGES: usize = 12;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET: &str = "AWSInsightsIndexService.GetCostAndUsage";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    results_by_time: Vec<Period>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Period {
    total: Total,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Total {
    unblended_cost: Amount,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Amount {
    amount: String,
    unit: String,
}

/// Adds up the cost of every day since one.
pub(super) async fn spend(inner: &Inner, since: NaiveDate) -> Result<Dollars, ProviderError> {
    let what = "ask for the account's spend";
    // The end is the first day that does not count.
    let today = inner.clock.now().date_naive();
    let end = today.checked_add_days(Days::new(1)).unwrap_or(today);
    if since > today {
        return Ok(Dollars::from_cents(0));
    }
    let base = inner.base().await?;
    let attempt = Attempt { what, access_key_id: Some(base.access_key_id()), ..Attempt::default() };
    let (mut dollars, mut token) = (0.0, None::<String>);
    for _ in 0..MAX_PAGES {
        let mut question = json!({
            "TimePeriod": { "Start": since.to_string(), "End": end.to_string() },
            "Granularity": "DAILY",
            "Metrics": ["UnblendedCost"],
        });
        if let (Some(token), Some(fields)) = (token, question.as_object_mut()) {
            fields.insert("NextPageToken".to_owned(), token.into());
        }
        let call = Call {
            endpoint: inner.endpoint(Service::CostExplorer)?,
            content_type: CONTENT_TYPE,
            target: Some(TARGET),
            body: Zeroizing::new(question.to_string()),
            credentials: Some(&base),
            secret: None,
        };
        let body = inner.wire.send(&call).await.map_err(|failure| failure.explain(attempt))?;
        let (part, next) = read(&body).map_err(|bad| Failure::from(bad).explain(attempt))?;
        dollars += part;
        token = next;
        if token.is_none() {
            return Ok(cents(dollars));
        }
    }
    Err(ProviderError::new(ProviderFault::BadAnswer, "the account's spend has more pages than are read")
        .with_hint("ask for fewer days"))
}

/// Reads a page: its dollars, and what the next one is asked for with.
fn read(body: &[u8]) -> Result<(f64, Option<String>), BadAnswer> {
    let page: Page = serde_json::from_slice(body).map_err(|_| BadAnswer("it holds no costs"))?;
    let mut dollars = 0.0;
    for period in page.results_by_time {
        let Amount { amount, unit } = period.total.unblended_cost;
        if unit != "USD" {
            return Err(BadAnswer("the costs are not in US dollars"));
        }
        let amount: f64 = amount.parse().map_err(|_| BadAnswer("a cost is no number"))?;
        if !amount.is_finite() {
            return Err(BadAnswer("a cost is no number"));
        }
        dollars += amount;
    }
    Ok((dollars, page.next_page_token.filter(|token| !token.is_empty())))
}

/// Rounds up to a cent; credits can make a sum negative, which is nothing spent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast to an integer saturates")]
fn cents(dollars: f64) -> Dollars {
    // What a sum of binary fractions is off by is not a cent.
    Dollars::from_cents((dollars * 100.0 - 1e-6).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn costs_are_added_up() {
        let day = |amount: &str, unit: &str| json!({ "Total": { "UnblendedCost": { "Amount": amount, "Unit": unit } } });
        let page =
            |days: &[serde_json::Value]| json!({ "ResultsByTime": days, "NextPageToken": "n" }).to_string();
        let (dollars, next) =
            read(page(&[day("12.3400000000", "USD"), day("1.0E-2", "USD")]).as_bytes()).unwrap();
        assert_eq!((cents(dollars), next.as_deref()), (Dollars::from_cents(1_235), Some("n")));
        for bad in [day("NaN", "USD"), day("inf", "USD"), day("1", "EUR"), day("", "USD"), json!({})] {
            assert!(read(page(&[bad]).as_bytes()).is_err());
        }
        assert_eq!(cents(-5.0), Dollars::from_cents(0));
        assert_eq!(cents(0.001), Dollars::from_cents(1));
        assert_eq!(cents(1e300), Dollars::from_cents(u64::MAX));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&body).is_err());
        }
    }
}
