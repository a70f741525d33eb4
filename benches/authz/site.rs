//! The policies, the facts and the question, the same for both sides.

use axess_authz::{Entity, EntitySet, ResourceUid, StandardRequestContext};
use axess_identity::{FactorKind, HumanPrincipal, Principal, TenantId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use std::net::{IpAddr, Ipv4Addr};

pub(crate) const SCHEMA: &str = r#"
entity Folder = { tenant_id: String };
entity Document in [Folder, Shared] = { tenant_id: String, owner: User, kind: String };
action "read", "delete" appliesTo { principal: [User], resource: [Document], context: RequestContext };
"#;

/// What a deployment writes by hand; the rest is a policy for each of many departments.
const POLICIES: &str = r#"
@id("owners")
permit (principal, action, resource) when { resource.owner == principal };
@id("viewers")
permit (principal in Role::"viewer", action == Action::"read", resource);
@id("delete-needs-fresh-login")
forbid (principal, action == Action::"delete", resource)
unless { context has authn_time && context.now.durationSince(context.authn_time) <= duration("15m") };
"#;
/// With the shipped one.
const BY_HAND: usize = 4;

/// How much there is: policies, with the shipped one, and entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) policies: usize,
    pub(crate) entities: usize,
}

impl Size {
    const ALL: [Self; 5] = [
        Self { policies: 10, entities: 10 },
        Self { policies: 1_000, entities: 10 },
        Self { policies: 10_000, entities: 10 },
        Self { policies: 10, entities: 1_000 },
        Self { policies: 1_000, entities: 1_000 },
    ];

    /// Returns the sizes of which neither number is greater than `largest`.
    pub(crate) fn up_to(largest: usize) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |size| size.policies.max(size.entities) <= largest)
    }

    /// How many decisions a turn has: some milliseconds, and few enough that most turns are over before the system gives
    /// the processor to others.
    pub(crate) fn decisions(self) -> usize {
        (1_000 / self.policies).clamp(1, 50)
    }
}

/// One deployment and one question.
pub(crate) struct Site {
    pub(crate) policies: String,
    pub(crate) entities: EntitySet,
    pub(crate) principal: Principal,
    /// What the principal may read.
    pub(crate) document: ResourceUid,
    /// What it may not: it belongs to another tenant.
    pub(crate) foreign: ResourceUid,
    pub(crate) now: DateTime<Utc>,
    pub(crate) ip: IpAddr,
}

impl Site {
    pub(crate) fn of(size: Size) -> Self {
        let mut policies = POLICIES.to_owned();
        for number in BY_HAND..size.policies {
            policies += &format!(
                "@id(\"department-{number}\")\npermit (principal in Group::\"department-{number}\", \
                 action == Action::\"read\", resource) when {{ resource.kind == \"plan-{number}\" }};\n"
            );
        }
        let tenant_id = TenantId::from_parts(0, [1; 10]);
        let principal = Principal::Human(HumanPrincipal {
            user_id: UserId::from_parts(0, [2; 10]),
            tenant_id,
            session_id: None,
            attributes: [].into(),
        });
        let user = ResourceUid::user(UserId::from_parts(0, [2; 10]));
        let (own, other) = (tenant_id.to_string(), TenantId::from_parts(0, [3; 10]).to_string());
        let named = |kind: &str, id: &str| format!("{kind}::\"{id}\"").parse::<ResourceUid>();
        let owner = ResourceUid::user(UserId::from_parts(0, [4; 10])).to_json();
        let uid = |id: String| named("Document", &id).unwrap_or_else(|_| ResourceUid::deployment());
        let folder = named("Folder", "plans").unwrap_or_else(|_| ResourceUid::deployment());
        let document = |id: String, tenant: &str| {
            Entity::new(uid(id))
                .with_attr("tenant_id", tenant)
                .with_attr("owner", owner.clone())
                .with_attr("kind", "report")
                .with_parent(folder.clone())
        };
        let mut entities = EntitySet::from_iter([
            Entity::new(user)
                .with_attr("tenant_id", own.as_str())
                .with_parent(ResourceUid::tenant(tenant_id))
                .with_parent(ResourceUid::role("viewer"))
                .with_parent(ResourceUid::group("department-7")),
            Entity::new(folder.clone()).with_attr("tenant_id", own.as_str()),
            document("foreign".to_owned(), &other),
        ]);
        for number in entities.len()..size.entities {
            entities.insert(document(format!("report-{number}"), &own));
        }
        Self {
            policies,
            entities,
            principal,
            document: uid("report-3".to_owned()),
            foreign: uid("foreign".to_owned()),
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            ip: Ipv4Addr::new(192, 0, 2, 7).into(),
        }
    }

    /// What is known of the request, as a handler puts it together.
    pub(crate) fn context(&self) -> StandardRequestContext {
        StandardRequestContext::new(self.now)
            .with_ip(self.ip)
            .with_factors([FactorKind::Password, FactorKind::Totp], self.now)
    }
}
