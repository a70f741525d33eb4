use axess_core::store::{Owner, SaveOutcome, SessionRow, SessionStore};
use axess_identity::{SessionId, TenantId, UserId};
use axess_testing::TestSuite;
use chrono::{DateTime, TimeDelta};
use data_encoding::HEXLOWER;

/// Sessions of the first format, one a line: as they are, and sealed.
const V1: &str = include_str!("../../../core/tests/fixtures/session-v1.hex");

/// A session that another version of this library wrote is still a login.
#[tokio::test]
async fn a_session_of_the_first_format_is_opened() {
    let suite = TestSuite::default();
    let payload = HEXLOWER.decode(V1.lines().next().unwrap().trim().as_bytes()).unwrap();
    let id = SessionId::from_bytes([7; 16]);
    let row = SessionRow {
        id,
        lineage: id,
        version: 1,
        owner: Some(Owner {
            tenant_id: TenantId::from_parts(1, [1; 10]),
            user_id: UserId::from_parts(1, [2; 10]),
        }),
        payload: payload.into(),
        created_at: DateTime::from_timestamp(1_767_225_600, 0).unwrap(),
        expires_at: DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::hours(8),
    };
    assert_eq!(suite.store.insert(row).await.unwrap(), SaveOutcome::Saved);
    let session = suite.session_by_id(id).await;
    assert!(session.is_authenticated());
}
