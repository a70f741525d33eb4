//! Where a workload belongs.

use super::ground::{Ground, acme, said, tenants};
use axess_identity::{TenantId, WorkloadId};
use axess_jose::Claims;
use axess_workload::{
    JwtSvidError, JwtSvidFault, MappingFault, PathConvention, WorkloadMapping, WorkloadPlace,
};
use serde_json::json;
use std::{error::Error, sync::Arc};

fn mapped(mapping: impl WorkloadMapping + 'static) -> Ground {
    Ground::mapped(|_| {}, |resolver| resolver, Arc::new(mapping))
}

#[tokio::test]
async fn who_has_no_place_is_nobody() {
    let ground = mapped(tenants());
    for path in
        ["/svc/billing", "/svc/billing/globex", "/svc/billing/acme/more", "/ns/billing/acme", "/svc/a/ACME"]
    {
        let subject = format!("spiffe://prod.example.com{path}");
        assert_eq!(ground.verdict(json!({ "sub": subject })).await, "UnknownWorkload", "{path}");
    }
    assert_eq!(ground.verdict(json!({ "sub": "spiffe://prod.example.com/svc/x/acme" })).await, "good");
}

#[tokio::test]
async fn a_closure_may_read_the_claims() {
    let ground = mapped(|workload: &WorkloadId, claims: &Claims| {
        let slug = claims.str("tenant")?;
        Some(WorkloadPlace {
            tenant_id: acme(),
            tenant_slug: slug.to_owned(),
            service_name: workload.path().trim_start_matches('/').to_owned(),
        })
    });
    let token = ground.token(&ground.claims_but(json!({ "tenant": "globex" })));
    let workload = ground.resolve(&token).await.unwrap();
    assert_eq!(
        (workload.tenant_slug.as_str(), workload.service_name.as_str()),
        ("globex", "svc/billing/acme")
    );
    assert_eq!(said(&ground.resolve(&ground.good()).await), "UnknownWorkload");
}

#[tokio::test]
async fn a_mapping_that_cannot_answer_refuses_nobody() {
    let ground = mapped(PathConvention::new(|_: String| async {
        Err::<Option<TenantId>, MappingFault>("the database is down".into())
    }));
    let error = ground.resolve(&ground.good()).await.unwrap_err();
    assert_eq!(error.fault(), JwtSvidFault::Backend);
    assert_eq!(error.to_string(), "the mapping cannot be asked");
    assert_eq!(error.source().unwrap().to_string(), "the database is down");
}

#[tokio::test]
async fn nobody_is_mapped_whose_token_is_not_good() {
    let ground = mapped(|_: &WorkloadId, _: &Claims| -> Option<WorkloadPlace> { panic!("it was asked") });
    let other = json!({ "sub": "spiffe://other.example.com/svc/billing/acme" });
    assert_eq!(ground.verdict(other).await, "TrustDomainMismatch");
    assert_eq!(ground.verdict(json!({ "exp": 1 })).await, "Expired");
    let token = ground.good();
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    assert!(matches!(ground.resolve(&forged).await, Err(JwtSvidError::SignatureInvalid)));
}
