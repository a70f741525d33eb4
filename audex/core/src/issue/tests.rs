mod bench;

use super::*;
use crate::{
    Credential, Fate, IssueRules, Minted, ProviderError, ProviderFault, Requester, Ttl,
    approval::{Approval, ApprovalRules, Vote},
    audit::BrokerEvent,
    lease::Next,
    rate::RateRule,
    reconcile,
    roles::{RoleMap, RoleRule, Subject},
    session::{Ending, EntryPoint, SessionId, SessionStatus},
};
use audex_policy::{Ceiling, Provider, Rules};
use axess_clock::Clock;
use bench::{Answer, Bench, Expected, ask, block_on, good};
use chrono::TimeDelta;
use std::{sync::atomic::Ordering, time::Duration};

#[test]
fn a_session_from_its_request_to_its_end() {
    let bench = Bench::new(IssueRules::default());
    let lease = bench.issue(&ask("s3:GetObject")).unwrap();
    assert_eq!(lease.record().deadline, bench.clock.now() + TimeDelta::minutes(15));
    assert_eq!(lease.credential().part("KEY").unwrap().expose(), "s3cret");
    assert_eq!(bench.only_status(), SessionStatus::Active);
    assert_eq!(bench.issuer.store.folder.live().unwrap(), [lease.session_id()]);
    bench.clock.advance(Duration::from_secs(7));
    let ending = Ending { exit_code: Some(0), ..Ending::default() };
    let record = block_on(bench.issuer.end(lease, SessionStatus::Completed, ending)).unwrap();
    assert_eq!(bench.issuer.store.folder.load(record.session_id).unwrap(), record);
    assert!(bench.issuer.store.folder.live().unwrap().is_empty());
    assert_eq!(bench.event_names(), ["SessionCreated", "CredentialsIssued", "SessionEnded"]);
    let events = bench.trail.events.lock().unwrap();
    assert!(matches!(events[2], BrokerEvent::SessionEnded { duration_ms: 7_000, exit_code: Some(0), .. }));
    let text = serde_json::to_string(&*events).unwrap() + &serde_json::to_string(&record).unwrap();
    assert!(!text.contains("s3cret"));
}

/// The ways in are walked with the program: `audex/cli/tests/end_to_end/rules.rs`.
#[test]
fn each_rule_refuses_and_leaves_its_event() {
    let ceiling = |rule: &str| Ceiling { name: "boundary".to_owned(), rules: Rules::parse([rule]).unwrap() };
    let approval = ApprovalRules {
        required: 1,
        roles: vec!["security".to_owned()],
        sensitive: Rules::parse(["s3:*"]).unwrap(),
    };
    let rate = RateRule {
        identity: "*".to_owned(),
        max_requests: 0,
        window: TimeDelta::hours(1),
        max_concurrent: None,
    };
    let default = IssueRules::default;
    let table: [(&str, IssueRules, Expected); 6] = [
        ("deny", (IssueRules { denies: Rules::parse(["*:*Object"]).unwrap(), ..default() }), |error| {
            matches!(error, IssueError::Denied(Denial::Cut(_)))
        }),
        ("boundary", (IssueRules { boundary: Some(ceiling("ec2:*")), ..default() }), |error| {
            matches!(error, IssueError::Denied(Denial::Cut(_)))
        }),
        ("lifetime", (IssueRules { max_ttl: Ttl::from_seconds(60).unwrap(), ..default() }), |error| {
            matches!(error, IssueError::Denied(Denial::Ttl { .. }))
        }),
        ("role", IssueRules { roles: RoleMap { is_enabled: true, rules: vec![] }, ..default() }, |error| {
            matches!(error, IssueError::Denied(Denial::Role(_)))
        }),
        ("approval", (IssueRules { approval: Some(approval), ..default() }), |error| {
            matches!(error, IssueError::ApprovalNeeded(_))
        }),
        ("rate", (IssueRules { rates: vec![rate], ..default() }), |error| {
            matches!(error, IssueError::Limited(_))
        }),
    ];
    for (name, rules, is_expected) in table {
        let bench = Bench::new(rules);
        let ttl = Some(Ttl::from_seconds(900).unwrap());
        let error = bench.issue(&IssueRequest { ttl, ..ask("s3:GetObject") }).unwrap_err();
        assert!(is_expected(&error), "{name}: {error:?}");
        let refusal = if name == "approval" { "ApprovalRequired" } else { "RequestDenied" };
        assert_eq!(bench.event_names(), [refusal], "{name}");
        assert_eq!(bench.issuer.store.folder.names().unwrap(), []);
    }
}

#[test]
fn an_approval_lets_its_own_request_through_and_no_other() {
    let approval =
        ApprovalRules { required: 1, roles: vec!["security".to_owned()], sensitive: Rules::default() };
    let bench = Bench::new(IssueRules { approval: Some(approval), ..IssueRules::default() });
    let id = SessionId::generate(&axess_rng::MockRng::new(9));
    let approved = |request: &IssueRequest| {
        let now = bench.clock.now();
        let expires_at = now + TimeDelta::hours(1);
        let digest = bench.issuer.plan(request).unwrap().proposal(id, request).digest();
        let mut approval = Approval::new(digest, "uid:1000", 1, vec!["security".to_owned()], expires_at);
        let vote = Vote {
            approver: "bob".to_owned(),
            role: "security".to_owned(),
            approve: true,
            comment: "agreed".to_owned(),
            at: now,
            signature: None,
        };
        approval.vote(vote).unwrap();
        approval.consume(digest, now).unwrap()
    };
    let (read, write) = (ask("s3:GetObject"), ask("s3:PutObject"));
    let issue =
        |request: &IssueRequest, approved| block_on(bench.issuer.issue_as(id, request, Some(approved)));
    assert!(matches!(issue(&write, approved(&read)), Err(IssueError::OtherApproval)));
    let for_another = IssueRequest { reason: Some("something else".to_owned()), ..read.clone() };
    assert!(matches!(issue(&for_another, approved(&read)), Err(IssueError::OtherApproval)));
    // Of a session of its own it is not either.
    assert!(matches!(
        block_on(bench.issuer.issue(&read, Some(approved(&read)))),
        Err(IssueError::OtherApproval)
    ));
    assert!(issue(&read, approved(&read)).is_ok());
}

#[test]
fn what_was_approved_under_other_rules_is_not_issued() {
    let rules = |required, default_ttl, role: &str| IssueRules {
        roles: RoleMap {
            is_enabled: true,
            rules: vec![RoleRule {
                subject: Subject::Email("alice@example.com".to_owned()),
                targets: [(Provider::Aws, role.to_owned())].into(),
                ceiling: None,
            }],
        },
        approval: Some(ApprovalRules {
            required,
            roles: vec!["security".to_owned(), "compliance".to_owned()],
            sensitive: Rules::default(),
        }),
        default_ttl,
        ..IssueRules::default()
    };
    let id = SessionId::generate(&axess_rng::MockRng::new(9));
    let requester = Requester::Principal { email: "alice@example.com".to_owned(), groups: Vec::new() };
    let request = IssueRequest { requester, ..ask("s3:GetObject") };
    let same = || rules(1, Ttl::DEFAULT, "role/DataEngineer");
    let approved = || {
        let bench = Bench::new(same());
        let (now, roles) = (bench.clock.now(), vec!["security".to_owned()]);
        let digest = bench.issuer.plan(&request).unwrap().proposal(id, &request).digest();
        let mut approval = Approval::new(digest, "uid:1000", 1, roles, now + TimeDelta::hours(1));
        let (approver, role) = ("bob".to_owned(), "security".to_owned());
        let comment = "agreed".to_owned();
        approval.vote(Vote { approver, role, approve: true, comment, at: now, signature: None }).unwrap();
        approval.consume(digest, now).unwrap()
    };
    let longer = Ttl::from_seconds(u64::from(Ttl::DEFAULT.seconds()) + 1).unwrap();
    let denies = Rules::parse(["s3:GetObject=arn:aws:s3:::secret/*"]).unwrap();
    for (what, today, is_issued) in [
        ("the same", same(), true),
        ("another role", rules(1, Ttl::DEFAULT, "role/Admin"), false),
        ("another lifetime", rules(1, longer, "role/DataEngineer"), false),
        ("another document", IssueRules { denies, ..same() }, false),
        ("more people", rules(2, Ttl::DEFAULT, "role/DataEngineer"), false),
        // What needs nobody any more is issued as it was approved.
        ("nobody", IssueRules { approval: None, ..same() }, true),
    ] {
        let bench = Bench::new(today);
        let issued = block_on(bench.issuer.issue_as(id, &request, Some(approved())));
        assert_eq!(issued.is_ok(), is_issued, "{what}: {issued:?}");
        let first = if is_issued { "SessionCreated" } else { "RequestDenied" };
        assert_eq!(bench.event_names()[0], first, "{what}");
    }
}

#[test]
fn an_answer_that_is_not_what_was_ordered_is_not_handed_over() {
    let credential =
        |expires_at| Credential::new(Provider::Aws, "ASIA1", expires_at).with_part("KEY", "s".into());
    let _ = credential;
    let answers: [(Answer, Expected); 6] = [
        (
            |order, now| {
                let minted = good(order, now)?;
                let credential = Credential::new(Provider::Aws, "ASIA1", now + order.lifetime);
                Ok(Minted { credential, ..minted })
            },
            |error| matches!(error, IssueError::Mismatch(Mismatch::Empty)),
        ),
        (
            |order, now| {
                let expires_at = now + order.lifetime + TimeDelta::minutes(2);
                let credential = Credential::new(Provider::Aws, "A", expires_at).with_part("KEY", "s".into());
                Ok(Minted { credential, ..good(order, now)? })
            },
            |error| matches!(error, IssueError::Mismatch(Mismatch::TooLong { .. })),
        ),
        (
            |order, now| {
                let credential = Credential::new(Provider::Aws, "A", now).with_part("KEY", "s".into());
                Ok(Minted { credential, ..good(order, now)? })
            },
            |error| matches!(error, IssueError::Mismatch(Mismatch::Expired(_))),
        ),
        (
            |order, now| Ok(Minted { account: Some("999999999999".to_owned()), ..good(order, now)? }),
            |error| matches!(error, IssueError::Mismatch(Mismatch::Account { .. })),
        ),
        (
            |order, now| {
                let credential =
                    Credential::new(Provider::Local, "A", now + order.lifetime).with_part("K", "s".into());
                Ok(Minted { credential, ..good(order, now)? })
            },
            |error| matches!(error, IssueError::Mismatch(Mismatch::Provider)),
        ),
        (
            |_, _| Err(ProviderError::new(ProviderFault::Denied, "the role does not trust you")),
            |error| matches!(error, IssueError::Provider(_)),
        ),
    ];
    for (answer, is_expected) in answers {
        let bench = Bench::new(IssueRules::default());
        *bench.provider.answer.lock().unwrap() = answer;
        let error = bench.issue(&ask("s3:GetObject")).unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert_eq!(bench.only_status(), SessionStatus::Failed);
        assert_eq!(bench.event_names(), ["SessionCreated", "CredentialsFailed", "SessionEnded"]);
        assert!(bench.issuer.store.folder.live().unwrap().is_empty());
        // What was minted all the same can be revoked by its id.
        let record = bench.issuer.store.folder.recent(1).unwrap().0.remove(0);
        let is_minted = matches!(error, IssueError::Mismatch(_));
        assert_eq!(record.credentials.len(), usize::from(is_minted), "{error:?}");
        let events = bench.trail.events.lock().unwrap();
        let BrokerEvent::CredentialsFailed { access_key_id, .. } = &events[1] else { panic!("{events:?}") };
        assert_eq!(access_key_id.as_deref(), record.credentials.first().map(|one| one.id.as_str()));
    }
}

#[test]
fn what_cannot_be_recorded_does_not_happen() {
    for room in [0, 1] {
        let bench = Bench::new(IssueRules::default());
        *bench.trail.room.lock().unwrap() = Some(room);
        assert!(matches!(bench.issue(&ask("s3:GetObject")), Err(IssueError::Trail(_))));
        // It could not even be recorded that it failed: found later, when there is room.
        *bench.trail.room.lock().unwrap() = None;
        let reconciled = reconcile(&bench.issuer.store.folder, &*bench.trail, bench.clock.now()).unwrap();
        assert!(reconciled.ended.len() <= 1 && reconciled.errors.is_empty());
        assert_eq!(bench.only_status(), SessionStatus::Failed);
        assert_eq!(bench.event_names().last().unwrap(), "SessionEnded");
    }
}

#[test]
fn a_refresh_ends_with_the_session() {
    let bench = Bench::new(IssueRules { max_ttl: Ttl::MAX, ..IssueRules::default() });
    let request = IssueRequest { ttl: Some("90m".parse().unwrap()), ..ask("s3:GetObject") };
    let mut lease = bench.issue(&request).unwrap();
    let begin = bench.clock.now();
    let Next::RefreshAt(due) = lease.next(begin) else { panic!("{:?}", lease.next(begin)) };
    bench.clock.set(due);
    block_on(bench.issuer.refresh(&mut lease)).unwrap();
    assert_eq!(lease.credential().expires_at(), begin + TimeDelta::minutes(90));
    assert_eq!(lease.next(due), Next::EndAt(begin + TimeDelta::minutes(90)));
    bench.clock.set(begin + TimeDelta::minutes(90));
    assert!(matches!(block_on(bench.issuer.refresh(&mut lease)), Err(IssueError::Over(_))));
    assert_eq!(lease.record().credentials.len(), 2);
    // Its intent is there before it is minted.
    let expected = ["SessionCreated", "CredentialsIssued", "CredentialsRequested", "CredentialsIssued"];
    assert_eq!(bench.event_names(), expected);
    *bench.trail.room.lock().unwrap() = Some(4);
    *bench.provider.answer.lock().unwrap() = |_, _| panic!("nothing is minted that was not recorded");
    bench.clock.set(begin + TimeDelta::minutes(80));
    assert!(matches!(block_on(bench.issuer.refresh(&mut lease)), Err(IssueError::Trail(_))));
}

#[test]
fn an_export_that_nothing_could_end_in_time_is_refused_and_recorded() {
    let bench = Bench::new(IssueRules::default());
    let ttl = Some(Ttl::from_seconds(60).unwrap());
    let request = IssueRequest { entry_point: EntryPoint::Export, ttl, ..ask("s3:GetObject") };
    let error = bench.issue(&request).unwrap_err();
    assert!(matches!(error, IssueError::Denied(Denial::Unendable { shortest: 900, .. })), "{error:?}");
    assert_eq!(bench.event_names(), ["RequestDenied"]);
    assert!(bench.issue(&IssueRequest { entry_point: EntryPoint::Run, ..request }).is_ok());
}

#[test]
fn a_live_session_that_cannot_be_read_lets_nobody_past_its_limit() {
    let window = TimeDelta::hours(1);
    let rate = RateRule { identity: "*".to_owned(), max_requests: 9, window, max_concurrent: Some(1) };
    let bench = Bench::new(IssueRules { rates: vec![rate], ..IssueRules::default() });
    let lease = bench.issue(&ask("s3:GetObject")).unwrap();
    assert!(matches!(bench.issue(&ask("s3:GetObject")), Err(IssueError::Limited(_))));
    let path = bench.issuer.store.folder.path().join(format!("{}.json", lease.session_id()));
    std::fs::write(path, r#"{"schema_version":2}"#).unwrap();
    assert!(matches!(bench.issue(&ask("s3:GetObject")), Err(IssueError::Sessions(_))));
}

#[test]
fn abandoned_sessions_are_found_and_held_ones_left_alone() {
    let bench = Bench::new(IssueRules::default());
    let held = bench.issue(&ask("s3:GetObject")).unwrap();
    let abandoned = bench.issue(&ask("s3:PutObject")).unwrap().session_id();
    let exported = IssueRequest { entry_point: EntryPoint::Export, ..ask("s3:ListBucket") };
    let exported = bench.issue(&exported).unwrap().session_id();
    let ended = |now| {
        let ended = reconcile(&bench.issuer.store.folder, &*bench.trail, now).unwrap().ended;
        ended.into_iter().map(|record| (record.session_id, record.status)).collect::<Vec<_>>()
    };
    assert_eq!(ended(bench.clock.now()), [(abandoned, SessionStatus::Failed)]);
    assert_eq!(ended(bench.clock.now()), []);
    let late = bench.clock.now() + TimeDelta::hours(1);
    assert_eq!(ended(late), [(exported, SessionStatus::Expired)]);
    assert_eq!(bench.issuer.store.folder.load(held.session_id()).unwrap().status, SessionStatus::Active);
}

#[test]
fn a_revocation_says_of_each_credential_what_became_of_it() {
    let bench = Bench::new(IssueRules::default());
    let request = IssueRequest { entry_point: EntryPoint::Export, ..ask("s3:GetObject") };
    let lease = bench.issue(&request).unwrap();
    let id = lease.session_id();
    block_on(bench.issuer.hand_over(lease)).unwrap();
    let revoke = || {
        let guard = bench.issuer.store.folder.take(id).unwrap();
        block_on(bench.issuer.revoke(&request.requester, id, Some("lost"), guard)).unwrap()
    };
    let (record, revocation) = revoke();
    assert_eq!(revocation.fates, [("ASIA1".to_owned(), Fate::Dead)]);
    assert_eq!(
        (record.status, bench.issuer.store.folder.load(id).unwrap()),
        (SessionStatus::Revoked, record)
    );
    assert_eq!(bench.event_names()[2..], ["SessionRevoked", "SessionEnded", "RevocationAnswered"]);
    // Again: it stays over, and what has expired is dead whatever the provider says.
    bench.clock.advance(Duration::from_secs(3_600));
    assert!(revoke().1.is_complete());
    assert_eq!(bench.event_names().len(), 5);
}

#[test]
fn one_session_that_cannot_be_closed_keeps_no_other_open() {
    let bench = Bench::new(IssueRules::default());
    let ids: Vec<_> = (0..3).map(|_| bench.issue(&ask("s3:GetObject")).unwrap().session_id()).collect();
    let path = bench.issuer.store.folder.path().join(format!("{}.json", ids[1]));
    std::fs::write(path, r#"{"schema_version":2}"#).unwrap();
    let reconciled = reconcile(&bench.issuer.store.folder, &*bench.trail, bench.clock.now()).unwrap();
    assert_eq!(reconciled.ended.len(), 2);
    assert_eq!(reconciled.errors.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(bench.issuer.store.folder.live().unwrap(), [ids[1]], "a newer program still finds it");
}

/// What nobody was told of is nothing until it is handed over: no record, no event, no limit is spent on what fails.
#[test]
fn what_is_minted_offline_is_recorded_with_its_intent_or_not_at_all() {
    let bench = Bench::new(IssueRules::default());
    bench.provider.is_offline.store(true, Ordering::Relaxed);
    let lease = bench.issue(&ask("s3:GetObject")).unwrap();
    assert_eq!(lease.record().credentials.len(), 1);
    assert_eq!(bench.event_names(), ["SessionCreated", "CredentialsIssued"]);
    *bench.trail.room.lock().unwrap() = Some(3);
    assert!(matches!(bench.issue(&ask("s3:GetObject")), Err(IssueError::Trail(_))));
    *bench.trail.room.lock().unwrap() = None;
    *bench.provider.answer.lock().unwrap() =
        |_, _| Err(ProviderError::new(ProviderFault::Denied, "the key is gone"));
    assert!(matches!(bench.issue(&ask("s3:GetObject")), Err(IssueError::Provider(_))));
    let names = bench.event_names();
    assert_eq!(names[names.len() - 3..], ["SessionCreated", "CredentialsFailed", "SessionEnded"]);
}

#[test]
fn a_session_without_a_process_is_taken_up_again_and_keeps_its_deadline() {
    let bench = Bench::new(IssueRules { max_ttl: Ttl::MAX, ..IssueRules::default() });
    let begin = bench.clock.now();
    let ttl = Some("2h".parse().unwrap());
    let request = IssueRequest { entry_point: EntryPoint::Server, ttl, ..ask("s3:GetObject") };
    let lease = bench.issue(&request).unwrap();
    let id = lease.session_id();
    assert_eq!(lease.record().keeper_pid, None);
    drop(lease);
    bench.clock.advance(Duration::from_secs(90 * 60));
    let folder = &bench.issuer.store.folder;
    let hold = folder.take(id).unwrap().unwrap();
    let mut lease = bench.issuer.resume(folder.load(id).unwrap(), hold).unwrap();
    assert_eq!(lease.record().deadline, begin + TimeDelta::hours(2));
    block_on(bench.issuer.refresh(&mut lease)).unwrap();
    assert_eq!(lease.credential().expires_at(), begin + TimeDelta::hours(2));
    // What is left is less than the provider's shortest lifetime: another credential would outlive the session.
    bench.clock.advance(Duration::from_secs(16 * 60));
    let late = block_on(bench.issuer.refresh(&mut lease));
    assert!(matches!(late, Err(IssueError::Denied(Denial::Unendable { shortest: 900, .. }))), "{late:?}");
    let record = block_on(bench.issuer.end(lease, SessionStatus::Revoked, Ending::default())).unwrap();
    let hold = folder.take_new(record.session_id);
    assert!(hold.is_err() || matches!(bench.issuer.resume(record, hold.unwrap()), Err(IssueError::Over(_))));
}
