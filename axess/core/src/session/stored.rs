//! The stored form of what every request reads back: short names, bytes as bytes, times as numbers.

use super::{AuthState, StepUp, WorkflowState};
use crate::authn::FactorStep;
use axess_identity::{FactorKind, TenantId, UserId};
use axess_strings::SharedStr;
use chrono::{
    DateTime, Utc,
    serde::{ts_nanoseconds, ts_nanoseconds_option},
};
use serde::{Deserialize, Serialize};

/// [`AuthState`] as stored.
#[derive(Serialize, Deserialize)]
#[serde(remote = "AuthState")]
pub(super) enum State {
    #[serde(rename = "g")]
    Guest,
    #[serde(rename = "i")]
    Identifying {
        #[serde(rename = "u")]
        user_id: UserId,
        #[serde(rename = "t")]
        tenant_id: TenantId,
    },
    #[serde(rename = "l")]
    Authenticating {
        #[serde(rename = "u")]
        user_id: UserId,
        #[serde(rename = "t")]
        tenant_id: TenantId,
        #[serde(rename = "m")]
        method_name: SharedStr,
        #[serde(rename = "r")]
        remaining: Vec<FactorStep>,
        #[serde(rename = "c")]
        completed: Vec<FactorKind>,
        #[serde(rename = "n")]
        attempt_count: u32,
        #[serde(rename = "a", default, with = "ts_nanoseconds_option")]
        last_attempt: Option<DateTime<Utc>>,
    },
    #[serde(rename = "a")]
    Authenticated {
        #[serde(rename = "u")]
        user_id: UserId,
        #[serde(rename = "t")]
        tenant_id: TenantId,
        #[serde(rename = "a", with = "ts_nanoseconds")]
        authn_time: DateTime<Utc>,
        #[serde(rename = "f")]
        factors_completed: Vec<FactorKind>,
        #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
        step_up: Option<StepUp>,
    },
    #[serde(rename = "w")]
    PendingWorkflow {
        #[serde(rename = "u")]
        user_id: UserId,
        #[serde(rename = "t")]
        tenant_id: TenantId,
        #[serde(rename = "w")]
        workflow: WorkflowState,
    },
}

/// A digest as one byte string instead of 32 numbers.
pub(super) mod digest {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::fmt;

    pub(crate) fn serialize<S: Serializer>(
        digest: &Option<[u8; 32]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => serializer.serialize_bytes(digest),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 32]>, D::Error> {
        Ok(Option::<Digest>::deserialize(deserializer)?.map(|digest| digest.0))
    }

    struct Digest([u8; 32]);

    impl<'de> Deserialize<'de> for Digest {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl de::Visitor<'_> for Visitor {
                type Value = Digest;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("32 bytes")
                }

                fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Digest, E> {
                    bytes.try_into().map(Digest).map_err(|_| E::invalid_length(bytes.len(), &self))
                }
            }
            deserializer.deserialize_bytes(Visitor)
        }
    }
}
