use super::*;
use crate::{AuthzSinkError, AuthzSinkFuture, AuthzStore, Column, DenyReason, RowMapping, fixture::*};
use axess_events::AuthEvent;
use axess_identity::FactorKind;
use std::sync::{Mutex, PoisonError};

#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<AuthEvent>>>);

impl Events {
    fn take<const N: usize>(&self) -> [AuthEvent; N] {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).try_into().unwrap()
    }
}

impl AuthzEventSink for Events {
    fn record<'a>(&'a self, _: &'a Principal, event: AuthEvent) -> AuthzSinkFuture<'a> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        Box::pin(async { Ok(()) })
    }
}

fn session(policies: &str, principal: Principal, provider: Provider) -> (AuthzSession, Events) {
    let events = Events::default();
    let store = AuthzStore::new(store(policies)).with_sink(Arc::new(events.clone()));
    (store.session(principal, Arc::new(provider), context()), events)
}

#[tokio::test]
async fn every_decision_is_an_event() {
    let (session, events) = session(POLICIES, user(1), Provider(Ok(entities())));
    session.require("read", &uid(r#"Document::"a""#)).await.unwrap();
    let [AuthEvent::AuthzAllow(allow)] = events.take() else { panic!("one allow") };
    assert_eq!(allow.principal_uid.as_str(), user(1).uid());
    assert_eq!(allow.matched_policy_ids[0].as_str(), "owners");

    session.require("delete", &uid(r#"Document::"a""#)).await.unwrap_err();
    let [AuthEvent::AuthzDeny(deny)] = events.take() else { panic!("one deny") };
    assert_eq!(deny.matched_policy_ids[0].as_str(), "delete-needs-key");
    assert_eq!(deny.denial_reason.as_str(), "a policy forbids it");

    session.decide("read", &uid(r#"Document::"gone""#)).await.unwrap();
    let [AuthEvent::AuthzEntityNotFound(missing), AuthEvent::AuthzDeny(_)] = events.take() else {
        panic!("missing, then deny")
    };
    assert_eq!(missing.missing_entity_uid.as_str(), r#"Document::"gone""#);
}

#[tokio::test]
async fn a_failed_evaluation_names_policy_and_reason() {
    let policies = "permit (principal, action, resource);
        @id(\"bad\") forbid (principal, action, resource) when { resource.owner.tenant_id == \"x\" };";
    let mut set = entities();
    set.insert(document("x", &user(9)));
    let (session, events) = session(policies, user(1), Provider(Ok(set)));
    assert!(!session.decide("read", &uid(r#"Document::"x""#)).await.unwrap().is_allow());
    let [AuthEvent::AuthzEntityNotFound(missing), AuthEvent::AuthzDeny(deny)] = events.take() else {
        panic!("missing, then deny")
    };
    assert_eq!(missing.policy_id_referencing.unwrap().as_str(), "bad");
    assert_eq!(deny.matched_policy_ids[0].as_str(), "bad");
    assert!(
        deny.denial_reason.as_str().starts_with("evaluation failed; policy \"bad\": "),
        "{}",
        deny.denial_reason
    );
}

#[tokio::test]
async fn a_failed_provider_is_no_denial() {
    let wrong: EntitySet = [document("a", &user(1)).with_attr("size", "ten")].into_iter().collect();
    for (provider, reason) in [(Provider(Err("down")), "timeout"), (Provider(Ok(wrong)), "unfit entities")] {
        let (session, events) = session(POLICIES, user(1), provider);
        let error = session.require("read", &uid(r#"Document::"a""#)).await.unwrap_err();
        assert!(matches!(error, AuthzError::Unavailable(AuthzUnavailable::Provider { .. })), "{error}");
        let [AuthEvent::AuthzProviderFailed(failed)] = events.take() else { panic!("one failure") };
        assert_eq!((failed.provider.as_str(), failed.failure_reason.as_str()), ("fixture", reason));
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_allowed() {
    let broken = |_: &Principal, _: AuthEvent| Err(AuthzSinkError::new("disk full"));
    let store = AuthzStore::new(store(POLICIES)).with_sink(Arc::new(broken));
    for provider in [Provider(Ok(entities())), Provider(Err("down"))] {
        let session = store.session(user(1), Arc::new(provider), context());
        let error = session.require("read", &uid(r#"Document::"a""#)).await.unwrap_err();
        assert!(matches!(error, AuthzError::Unavailable(AuthzUnavailable::Audit(_))), "{error}");
    }
}

#[tokio::test]
async fn a_denial_carries_the_step_up_that_would_help() {
    let (session, _) = session(POLICIES, user(1), Provider(Ok(entities())));
    let Err(AuthzError::Denied(denied)) = session.require("delete", &uid(r#"Document::"a""#)).await else {
        panic!("not denied")
    };
    assert_eq!(denied.step_up.unwrap().factors, [FactorKind::Fido2].into());
    let session = session.with_step_up(StepUpOptions::new([FactorKind::Totp]));
    let Err(AuthzError::Denied(denied)) = session.require("delete", &uid(r#"Document::"a""#)).await else {
        panic!("not denied")
    };
    assert_eq!(denied.step_up, None);
}

#[tokio::test]
async fn a_batch_answers_in_order_with_one_event_each() {
    let (session, events) = session(POLICIES, user(1), Provider(Ok(entities())));
    let questions: Vec<(ActionUid, ResourceUid)> =
        [("read", "a"), ("delete", "a"), ("read", "gone"), ("edit", "a")]
            .map(|(action, id)| (action.into(), ResourceUid::new("Document", id).unwrap()))
            .into();
    let decisions = session.batch(&questions).await.unwrap();
    let allowed: Vec<bool> = decisions.iter().map(AuthzDecision::is_allow).collect();
    assert_eq!(allowed, [true, false, false, true]);
    let _four_decisions_and_a_missing_entity = events.take::<5>();
    assert_eq!(session.batch(&[]).await.unwrap(), []);
    let many = vec![questions[0].clone(); MAX_BATCH + 1];
    assert!(matches!(session.batch(&many).await, Err(AuthzUnavailable::BatchTooLarge)));
    assert_eq!(session.batch(&many[1..]).await.unwrap().len(), MAX_BATCH);
}

#[tokio::test]
async fn proven_facts_win_over_loaded_ones_and_those_over_claims() {
    let schema = "entity User = { clearance?: String };";
    let policy = "permit (principal, action, resource) when { principal has clearance && principal.clearance == \"loaded\" };";
    let bundle = bundle(policy).with_file("more.cedarschema", schema);
    let policies = PolicyStore::compose(vec![crate::PolicyBundle::base(), bundle]).unwrap();
    let store = AuthzStore::new(policies);
    let Principal::Human(mut alice) = user(1) else { panic!("a human") };
    alice.attributes.insert("clearance".into(), "claimed".into());
    alice.attributes.insert("undeclared".into(), 1.into());
    let alice = Principal::Human(alice);

    struct Loads(bool);
    impl crate::AuthzEntityProvider for Loads {
        fn name(&self) -> &str {
            "loads"
        }
        async fn entities(
            &self,
            principal: &Principal,
            _: &[ResourceUid],
        ) -> Result<EntitySet, AuthzProviderError> {
            let own = Entity::new(principal.cedar_uid()).with_attr("tenant_id", "forged");
            let own = if self.0 { own.with_attr("clearance", "loaded") } else { own };
            Ok([own, document("a", principal)].into_iter().collect())
        }
    }
    for loads in [true, false] {
        let session = store.session(alice.clone(), Arc::new(Loads(loads)), context());
        let decision = session.decide("read", &uid(r#"Document::"a""#)).await.unwrap();
        // A forged tenant would trip the isolation, a claimed clearance would not be enough.
        let expected = if loads { None } else { Some(DenyReason::NoPermit) };
        let reason = match decision {
            AuthzDecision::Allow { .. } => None,
            AuthzDecision::Deny { reason, .. } => Some(reason),
        };
        assert_eq!(reason, expected);
    }
}

#[tokio::test]
async fn a_session_keeps_the_policies_it_began_with() {
    let store = AuthzStore::new(store(POLICIES));
    let old = store.session(user(1), Arc::new(Provider(Ok(entities()))), context());
    store.replace(crate::fixture::store("forbid (principal, action, resource);"));
    let new = store.session(user(1), Arc::new(Provider(Ok(entities()))), context());
    assert!(old.decide("read", &uid(r#"Document::"a""#)).await.unwrap().is_allow());
    assert!(!new.decide("read", &uid(r#"Document::"a""#)).await.unwrap().is_allow());
}

#[tokio::test]
async fn a_list_is_one_decision() {
    let rows = RowMapping::new("Document", "id")
        .with_attr("tenant_id", Column::text("tenant_id"))
        .with_attr("owner", Column::entity("owner", "User"))
        .with_attr("size", Column::long("size"))
        .never_in("Shared");
    let (owners, events) = session(POLICIES, user(1), Provider(Ok(EntitySet::new())));
    let filter = owners.list_filter("read", &rows).await.unwrap();
    let [AuthEvent::AuthzAllow(allow)] = events.take() else { panic!("one allow") };
    assert_eq!(allow.resource_uid.as_str(), "list of Document");
    assert!(allow.matched_policy_ids.iter().any(|id| id.as_str() == "owners"));
    let owned_by = |owner: u8| {
        filter.matches(|column| match column {
            "tenant_id" => Some(crate::SqlParam::Text(tenant(1).to_string())),
            _ => Some(user(owner).cedar_uid().id().into()),
        })
    };
    assert!(owned_by(1) && !owned_by(2));

    let (nothing, events) =
        session("forbid (principal, action, resource);", user(1), Provider(Ok(EntitySet::new())));
    assert!(nothing.list_filter("read", &rows).await.unwrap().is_empty());
    let [AuthEvent::AuthzDeny(_)] = events.take() else { panic!("one deny") };
    let overflowing = "permit (principal, action, resource) when { resource.size + 1 > 0 };";
    let (refused, events) = session(overflowing, user(1), Provider(Ok(EntitySet::new())));
    assert!(matches!(refused.list_filter("read", &rows).await, Err(AuthzListError::Filter(_))));
    let [AuthEvent::AuthzDeny(_)] = events.take() else { panic!("one deny") };
}

#[tokio::test]
async fn a_workload_is_not_asked_to_prove_more() {
    let id: axess_identity::WorkloadId = "spiffe://prod.example.com/svc/billing".parse().unwrap();
    let workload = Principal::Workload(axess_identity::WorkloadPrincipal {
        trust_domain: id.trust_domain().clone(),
        workload_id: id,
        issuer: "https://issuer.example".into(),
        tenant_id: tenant(1),
        tenant_slug: "acme".into(),
        service_name: "billing".into(),
        attributes: [].into(),
    });
    let policies =
        "permit (principal, action, resource) when { context.factors_completed.contains(\"fido2\") };";
    for (principal, curable) in [(user(1), true), (workload, false)] {
        let (session, _) = session(policies, principal, Provider(Ok(entities())));
        let Err(AuthzError::Denied(denied)) = session.require("read", &uid(r#"Document::"a""#)).await else {
            panic!("not denied")
        };
        assert_eq!(denied.step_up.is_some(), curable);
    }
}

/// Serves one set again and again, as a cache does.
#[derive(Clone)]
struct Kept(EntitySet);

impl crate::AuthzEntityProvider for Kept {
    fn name(&self) -> &str {
        "kept"
    }

    async fn entities(&self, _: &Principal, _: &[ResourceUid]) -> Result<EntitySet, AuthzProviderError> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn what_is_prepared_is_used_again_for_the_same_facts_policies_and_principal_alone() {
    let policies = |policies: &str| {
        let more = "\nentity User = { department?: String };";
        let app = bundle(policies).with_file("more.cedarschema", more);
        PolicyStore::compose(vec![crate::PolicyBundle::base(), app]).unwrap()
    };
    let store = AuthzStore::new(policies(POLICIES));
    let provider = Arc::new(Kept(entities()));
    let ask = |principal: &Principal| store.session(principal.clone(), provider.clone(), context());
    let (read, a) = (ActionUid::new("read"), [uid(r#"Document::"a""#)]);
    let (alice, bob) = (user(1), user(2));
    let Principal::Human(mut human) = alice.clone() else { panic!("a person") };
    human.session_id = Some(axess_identity::SessionId::from_bytes([7; 16]));
    let first = ask(&alice).load(&read, &a).await.unwrap();
    let again = ask(&Principal::Human(human.clone())).load(&read, &a).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again), "another session of the same user");
    assert!(ask(&alice).decide("read", &a[0]).await.unwrap().is_allow());

    assert!(!ask(&bob).decide("read", &a[0]).await.unwrap().is_allow(), "another user is not alice");
    assert!(ask(&alice).decide("read", &a[0]).await.unwrap().is_allow());
    human.attributes.insert("department".into(), "it".into());
    let it = "permit (principal is User, action, resource)
        when { principal has department && principal.department == \"it\" };";
    store.replace(policies(it));
    assert!(!ask(&alice).decide("read", &a[0]).await.unwrap().is_allow(), "the policies are new");
    let told = Principal::Human(human);
    assert!(ask(&told).decide("read", &a[0]).await.unwrap().is_allow(), "and so are the attributes");
    assert!(!ask(&alice).decide("read", &a[0]).await.unwrap().is_allow());

    // A set that changes is another set, for whoever changes it.
    let mut changed = provider.0.clone();
    changed.insert(document("a", &bob));
    store.replace(policies(POLICIES));
    assert!(ask(&alice).decide("read", &a[0]).await.unwrap().is_allow());
    let session = store.session(alice, Arc::new(Kept(changed)), context());
    assert!(!session.decide("read", &a[0]).await.unwrap().is_allow());
}
