use super::*;

pub(super) fn all() -> Vec<AuthEvent> {
    let (from, until) = (moment(), moment() + TimeDelta::days(90));
    vec![
        AuditLogRepaired { segment: 3, torn_bytes: 117, torn_digest: DIGEST.into() }.into(),
        AuditEventsDropped { sink: "siem".into(), dropped: 12 }.into(),
        AuditEventDeadLettered {
            sink: "siem".into(),
            refused_event_id: EventId::from_parts(MILLIS, [8; 10]),
            failure_reason: "413".into(),
        }
        .into(),
        AuditEventsArchived { from, until, events: 4_000 }.into(),
        AuditEventsDeleted {
            tier: AuditTier::Log,
            from,
            until,
            events: 4_000,
            last_sequence: Some(4_000),
            chain_head: Some(DIGEST.into()),
        }
        .into(),
        AuditSubjectErased {
            pseudonym: UserId::from_parts(MILLIS, [9; 10]),
            operator_principal: "alice@ops".into(),
            reason: "request 12".into(),
            entries: vec![
                ErasedEntry { sequence: 17, commitment: DIGEST.into() },
                ErasedEntry { sequence: 4_001, commitment: DIGEST.into() },
            ],
        }
        .into(),
        TenantRestored { operator_principal: "alice@ops".into(), reason: "by mistake".into() }.into(),
        TenantPurged {
            operator_principal: "alice@ops".into(),
            reason: "contract ended".into(),
            users: 12,
            sessions: 3,
            refresh_tokens: 4,
            devices: 20,
            factors: 24,
            delegated_credentials: 1,
            complete: true,
        }
        .into(),
        DeviceRenamed { device_id: device_id(), user_id: user_id(), display_name: Some("laptop".into()) }
            .into(),
        DeviceDemoted { device_id: device_id(), user_id: user_id(), demoted_at_age_days: 46 }.into(),
        DeviceRecognised { device_id: device_id(), user_id: user_id(), session_id: session_id() }.into(),
    ]
}

const DIGEST: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
