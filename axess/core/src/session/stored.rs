//! The stored form of what every request reads back: short names, bytes as bytes, times as numbers.

use super::{AuthState, StepUp, WorkflowState};
use crate::authn::FactorStep;
use axess_identity::{FactorKind, TenantId, UserId};
use axess_strings::SharedStr;
use chrono::{DateTime, Utc, serde::ts_nanoseconds_option};
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
    #[serde(rename = "a", with = "authenticated")]
    Authenticated {
        user_id: UserId,
        tenant_id: TenantId,
        authn_time: DateTime<Utc>,
        factors_completed: Vec<FactorKind>,
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

/// The state most requests are in, as a list. It may only ever grow at its end: a reader ignores what it does not know,
/// and must have a default for what is missing.
mod authenticated {
    use super::{DateTime, FactorKind, StepUp, TenantId, UserId, Utc};
    use serde::{
        Deserializer, Serialize, Serializer,
        de::{self, IgnoredAny},
        ser,
    };
    use std::fmt;

    type Fields = (UserId, TenantId, DateTime<Utc>, Vec<FactorKind>, Option<StepUp>);

    pub(super) fn serialize<S: Serializer>(
        user_id: &UserId,
        tenant_id: &TenantId,
        authn_time: &DateTime<Utc>,
        factors_completed: &[FactorKind],
        step_up: &Option<StepUp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let nanos = authn_time.timestamp_nanos_opt();
        let nanos = nanos.ok_or_else(|| ser::Error::custom("a time beyond the year 2262"))?;
        (user_id, tenant_id, nanos, factors_completed, step_up).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an authenticated state")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Fields, A::Error> {
                let missing = |at| de::Error::invalid_length(at, &"at least 4 elements");
                let user_id = list.next_element()?.ok_or_else(|| missing(0))?;
                let tenant_id = list.next_element()?.ok_or_else(|| missing(1))?;
                let nanos = list.next_element()?.ok_or_else(|| missing(2))?;
                let factors_completed = list.next_element()?.ok_or_else(|| missing(3))?;
                let step_up = list.next_element()?.flatten();
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok((user_id, tenant_id, DateTime::from_timestamp_nanos(nanos), factors_completed, step_up))
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
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
