use crate::fixture::{base, config, provider};
use audex_core::{CredentialProvider, ProviderFault, budget::Dollars};
use audex_providers::aws::AwsConfig;
use axess_clock::{Clock, SystemClock};
use axess_peers::{Kind, Server, skip};
use serde_json::json;

#[tokio::test]
async fn the_account_says_what_it_spent() {
    let test = "audex-providers aws::the_account_says_what_it_spent";
    if let Some(missing) = Kind::Moto.missing() {
        return skip(test, &missing);
    }
    // A private one: what it will answer is put into it.
    let mut server = Server::start(Kind::Moto).unwrap();
    let account = server.aws_account().unwrap();
    let day = |amount: &str| {
        json!({
            "TimePeriod": { "Start": "2026-10-01", "End": "2026-10-02" }, "Groups": [], "Estimated": true,
            "Total": { "UnblendedCost": { "Amount": amount, "Unit": "USD" } },
        })
    };
    let answers = json!({ "results": [{ "ResultsByTime": [day("12.3400000000"), day("0.0651234567")], "DimensionValueAttributes": [] }] });
    let seeding = format!("{}/moto-api/static/ce/cost-and-usage-results", account.endpoint());
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(seeding)
        .json(&answers)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let admin = provider(AwsConfig { base: base(account.admin()), ..config(&account) });
    let today = SystemClock.now();
    assert_eq!(admin.spend(today).await.unwrap(), Some(Dollars::from_cents(1_241)));
    let tomorrow = today + chrono::TimeDelta::days(1);
    assert_eq!(admin.spend(tomorrow).await.unwrap(), Some(Dollars::from_cents(0)), "nothing yet");
    let refused = provider(config(&account)).spend(today).await.unwrap_err();
    assert_eq!(refused.fault, ProviderFault::Denied, "{refused:?}");
    server.stop().unwrap();
}
