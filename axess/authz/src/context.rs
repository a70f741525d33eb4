use axess_identity::{DeviceId, FactorKind};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, net::IpAddr};

/// What a request brings to an evaluation beside principal, action and resource.
///
/// Policies see it as `context`, with the fields of the schema's `RequestContext`: `now`, `ip`, `mfa`,
/// `factors_completed`, `authn_time` and `device`, and the application's own under `custom`. What is absent here is absent
/// there. What the schema does not declare for the action does not reach the policies.
///
/// ```
/// use axess_authz::StandardRequestContext;
/// use axess_identity::FactorKind;
/// let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
/// let context = StandardRequestContext::new(now)
///     .with_ip("10.1.2.3".parse().unwrap())
///     .with_factors([FactorKind::Password, FactorKind::Totp], now)
///     .with_custom("region", "eu");
/// assert!(context.mfa);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardRequestContext {
    /// When the request is decided.
    pub now: DateTime<Utc>,
    /// Where it comes from, as far as the trusted proxies tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Whether more than one kind of factor was proved.
    #[serde(default)]
    pub mfa: bool,
    /// The factors proved in the session.
    #[serde(default)]
    pub factors_completed: BTreeSet<FactorKind>,
    /// When a factor was last proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authn_time: Option<DateTime<Utc>>,
    /// The device the session belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceContext>,
    /// The application's own facts, `context.custom` for policies.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub custom: Map<String, Value>,
}

/// The device a request comes from.
///
/// ```
/// use axess_authz::DeviceContext;
/// use axess_identity::DeviceId;
/// let device = DeviceContext { id: DeviceId::from_parts(0, [1; 10]), trusted: false };
/// assert!(!device.trusted);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceContext {
    /// Its id.
    pub id: DeviceId,
    /// Whether its user has made it a trusted one, and that still holds.
    pub trusted: bool,
}

impl StandardRequestContext {
    /// Creates the context of a request about which nothing but the time is known.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            now,
            ip: None,
            mfa: false,
            factors_completed: BTreeSet::new(),
            authn_time: None,
            device: None,
            custom: Map::new(),
        }
    }

    /// Sets where the request comes from.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// Sets the proved factors and when the last one was proved, and derives `mfa`.
    ///
    /// `mfa` becomes whether they are something known and something held ([`FactorKind::are_two`]). Set [`mfa`](Self::mfa)
    /// itself when an identity provider vouches for more than that somebody logged in there.
    #[must_use]
    pub fn with_factors(
        mut self,
        factors: impl IntoIterator<Item = FactorKind>,
        authn_time: DateTime<Utc>,
    ) -> Self {
        self.factors_completed = factors.into_iter().collect();
        self.mfa = FactorKind::are_two(&self.factors_completed);
        self.authn_time = Some(authn_time);
        self
    }

    /// Sets the device.
    #[must_use]
    pub fn with_device(mut self, id: DeviceId, trusted: bool) -> Self {
        self.device = Some(DeviceContext { id, trusted });
        self
    }

    /// Adds a fact of the application's own.
    #[must_use]
    pub fn with_custom(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.custom.insert(key.into(), value.into());
        self
    }

    /// Returns the context as it would be after proving further factors at `authn_time`.
    pub(crate) fn stepped_up(
        &self,
        factors: &BTreeSet<FactorKind>,
        authn_time: Option<DateTime<Utc>>,
    ) -> Self {
        let mut next = self.clone();
        next.factors_completed.extend(factors.iter().cloned());
        next.mfa |= FactorKind::are_two(&next.factors_completed);
        next.authn_time = authn_time;
        next
    }

    pub(crate) fn to_json(&self) -> Map<String, Value> {
        let factors: Vec<_> = self.factors_completed.iter().map(FactorKind::wire_name).collect();
        let mut context = Map::new();
        context.insert("now".to_owned(), datetime(self.now));
        context.insert("mfa".to_owned(), Value::Bool(self.mfa));
        context.insert("factors_completed".to_owned(), json!(factors));
        if let Some(ip) = self.ip {
            // An IPv4 client of a dual-stack socket is an IPv4 client.
            context.insert("ip".to_owned(), extension("ip", &ip.to_canonical().to_string()));
        }
        if let Some(time) = self.authn_time {
            context.insert("authn_time".to_owned(), datetime(time));
        }
        if let Some(device) = self.device {
            context.insert(
                "device".to_owned(),
                json!({ "id": device.id.to_string(), "trusted": device.trusted }),
            );
        }
        if !self.custom.is_empty() {
            context.insert("custom".to_owned(), Value::Object(self.custom.clone()));
        }
        context
    }
}

/// Policies know time to the millisecond.
fn datetime(time: DateTime<Utc>) -> Value {
    extension("datetime", &time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

fn extension(function: &str, argument: &str) -> Value {
    json!({ "__extn": { "fn": function, "arg": argument } })
}
