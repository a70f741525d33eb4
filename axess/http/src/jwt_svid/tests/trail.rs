use super::*;
use axess_core::audit::{AuditError, AuditFuture, AuditSink};
use axess_events::AuthEventEnvelope;

/// Why a token did not do, and whose it claims to be.
type Told = (&'static str, Option<&'static str>);

#[tokio::test]
async fn who_proves_what_is_on_record() {
    let site = Site::taking_once();
    let late = site.bearer(BILLING);
    site.clock.advance(Duration::from_secs(330));
    let good = site.bearer(BILLING);
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let elsewhere = MintClaims::jwt_svid(&BILLING.parse().unwrap(), TimeDelta::minutes(5));
    let elsewhere = site.shown(&elsewhere.with_audience("https://other.example"));
    let foreign = site.bearer(FOREIGN);
    let nowhere = site.bearer(NOWHERE);
    let stranger = Site::new().bearer(BILLING);
    let rows: &[(&str, &str, u16, Option<Told>)] = &[
        ("again", &good, 401, Some(("replayed", Some(BILLING)))),
        ("forged", &forged, 401, Some(("signature-invalid", Some(BILLING)))),
        ("a stranger's", &stranger, 401, Some(("key-not-found", Some(BILLING)))),
        ("for another service", &elsewhere, 401, Some(("audience-mismatch", Some(BILLING)))),
        ("of another domain", &foreign, 401, Some(("trust-domain-mismatch", Some(FOREIGN)))),
        ("no JWT", "Bearer opaque", 401, Some(("malformed", None))),
        ("without a place", &nowhere, 401, Some(("unknown-workload", Some(NOWHERE)))),
        ("over", &late, 401, Some(("expired", Some(BILLING)))),
        ("unreadable", "Bearer a b", 400, None),
    ];
    assert_eq!(site.get("/who", &[("authorization", &good)]).await.0, 200);
    let told = site.told();
    assert_eq!(told.len(), 1, "one for the request: {told:?}");
    assert_eq!(told[0]["event_type"], "WorkloadAuthenticated");
    assert_eq!((&told[0]["workload_id"], &told[0]["issuer"]), (&BILLING.into(), &URL.into()));
    assert_eq!(told[0]["tenant_id"], TenantId::from_parts(0, [2; 10]).to_string());
    for path in ["/who", "/any"] {
        for (row, token, status, recorded) in rows {
            let before = site.trail.events().len();
            assert_eq!(site.get(path, &[("authorization", token)]).await.0, *status, "{row}");
            let told = site.told().split_off(before);
            assert_eq!(told.len(), usize::from(recorded.is_some()), "{row}: {told:?}");
            for (event, (reason, claimed)) in told.iter().zip(recorded) {
                assert_eq!(event["event_type"], "WorkloadRejected", "{row}");
                assert_eq!(event["failure_reason"], *reason, "{row}");
                assert_eq!(event["attempted_workload_id"].as_str(), *claimed, "{row}");
                let domain = claimed.map(|id| id.split('/').nth(2).unwrap());
                assert_eq!(event["attempted_trust_domain"].as_str(), domain, "{row}");
                assert!(!event.to_string().contains("eyJ"), "{row}: {event}");
            }
        }
    }
}

/// A trail that takes nothing lets nobody in, by the layer or by the guard.
#[tokio::test]
async fn nobody_gets_in_who_is_not_on_record() {
    struct Full;

    impl AuditSink for Full {
        fn record(&self, _: AuthEventEnvelope) -> AuditFuture<'_> {
            Box::pin(async { Err(AuditError::new("disk full")) })
        }
    }

    let site = Site::new();
    let layer = site.layer.clone().with_audit(ShellAudit::new(Arc::new(Full)));
    let guard = AuthenticatorLayer::new(layer.clone());
    for (app, path) in [(Site::routes().layer(layer), "/who"), (Site::routes().layer(guard), "/any")] {
        let token = site.bearer(BILLING);
        assert_eq!(get(app, path, &[("authorization", &token)]).await.0, 503, "{path}");
    }
}
