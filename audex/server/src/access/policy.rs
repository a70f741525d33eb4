use super::{Access, Caller, Proof};
use crate::{model::PendingRequest, problem::Problem};
use audex_core::{Requester, session::SessionRecord};
use audex_policy::Provider;
use axess::{
    FactorKind,
    authz::{
        AuthzDecision, AuthzQuery, DecisionTable, DenyReason, Entity, EntitySet, PolicyBundle,
        PolicyLoadError, PolicyStore, ResourceUid, SourceKind, StandardRequestContext, TableError, UidError,
    },
};
use serde_json::Value;
use std::{
    io,
    path::{Path, PathBuf},
};

const SCHEMA: &str = include_str!("../../policies/audex.cedarschema");
const POLICIES: &str = include_str!("../../policies/roles.cedar");
/// The name of a folder's own test.
const TABLE: &str = "table.json";

/// What somebody wants to do.
///
/// ```
/// use audex_server::access::Action;
/// assert_eq!(Action::parse("approve"), Some(Action::Approve));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask for credentials, and use what was given for it: pick up, refresh, end, take back.
    Request,
    /// Agree to a request, or refuse it.
    Approve,
    /// Look at it.
    Read,
    /// Change how the server works and who may use it; end what others have.
    Administer,
}

/// What it is about.
///
/// ```
/// use audex_server::access::Subject;
/// let asked = Subject::Ask { provider: audex_policy::Provider::Local, identity: "alice@example.com" };
/// # let _ = asked;
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A request that waits, or was decided.
    Request(&'a PendingRequest),
    /// A request that is about to be made.
    Ask {
        /// Of which provider.
        provider: Provider,
        /// In whose name: [`Caller::identity`].
        identity: &'a str,
    },
    /// A session.
    Session(&'a SessionRecord),
    /// The requests and sessions of one identity, as lists: their own may be read by everybody who may read at all.
    Own(&'a str),
    /// All sessions.
    Sessions,
    /// All requests.
    Requests,
    /// The evidence.
    Audit,
    /// Accounts, their roles and tokens.
    People,
    /// The server as such.
    Server,
}

/// Says why policies do not pass their test.
///
/// ```
/// use audex_server::access::Access;
/// let error = Access::test_policies("no/such/folder".as_ref()).unwrap_err();
/// assert_eq!(error.to_string(), "the policy files cannot be read");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum PolicyTestError {
    /// They cannot be used; each fault has its file and line.
    #[error(transparent)]
    Policies(#[from] PolicyLoadError),
    /// The table cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// They decide otherwise than the table says.
    #[error("{}", path.display())]
    Table {
        /// Which table.
        path: PathBuf,
        /// What differs.
        source: TableError,
    },
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Request, Self::Approve, Self::Read, Self::Administer];

    /// Returns its name, as in policies and in scopes of tokens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Approve => "approve",
            Self::Read => "read",
            Self::Administer => "administer",
        }
    }

    /// Finds one by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl Access {
    /// Lets a caller go on who may do this.
    ///
    /// The policies decide, and for a token its scopes as well. Whatever goes wrong is a denial.
    ///
    /// # Errors
    ///
    /// 403 `forbidden`; 404 `not_found` where the caller may not even know of the request or session.
    pub fn may(&self, caller: &Caller, action: Action, subject: &Subject<'_>) -> Result<(), Problem> {
        if self.allows(caller, action, subject) {
            return Ok(());
        }
        let is_hidden = match subject {
            Subject::Request(_) | Subject::Session(_) => {
                action == Action::Read || !self.allows(caller, Action::Read, subject)
            }
            _ => false,
        };
        tracing::info!(caller = %caller.requester, action = action.name(), is_hidden, "forbidden");
        Err(if is_hidden { Problem::not_found() } else { Problem::forbidden(action.name()) })
    }

    /// Tests the policies of a folder.
    ///
    /// That is whether they can be used, and whether they decide as its `table.json` says, if it has one. Returns how many
    /// cases that has.
    ///
    /// # Errors
    ///
    /// [`PolicyTestError`].
    pub fn test_policies(folder: &Path) -> Result<usize, PolicyTestError> {
        let policies = load(Some(folder))?;
        let path = folder.join(TABLE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(source) => return Err(PolicyTestError::Read { path, source }),
        };
        let table = DecisionTable::from_json(&text);
        match table.and_then(|table| table.check(&policies).map(|()| table.cases.len())) {
            Ok(cases) => Ok(cases),
            Err(source) => Err(PolicyTestError::Table { path, source }),
        }
    }

    /// Returns the policy files in force, each with its name and text: for people to read.
    pub fn policies_in_force(&self) -> Vec<(String, String)> {
        let active = self.policies.current();
        let files = active.policies.bundles().iter().flat_map(PolicyBundle::files);
        let policies = files.filter(|file| file.kind() == Some(SourceKind::Policies));
        policies.map(|file| (file.name.clone(), file.text.clone())).collect()
    }

    fn allows(&self, caller: &Caller, action: Action, subject: &Subject<'_>) -> bool {
        caller.is_in_scope(action) && self.decide(caller, action, subject).is_allow()
    }

    fn decide(&self, caller: &Caller, action: Action, subject: &Subject<'_>) -> AuthzDecision {
        let unfit = |message: String| AuthzDecision::Deny {
            reason: DenyReason::InvalidRequest { message },
            policies: Vec::new(),
        };
        let tenant = self.tenant_id.to_string();
        let (Ok(principal), Ok(resource)) = (principal(caller, &tenant), resource(subject, &tenant)) else {
            return unfit("a name cannot be used".to_owned());
        };
        let active = self.policies.current();
        let entities: EntitySet = [principal.clone(), resource.clone()].into_iter().collect();
        let graph = match active.policies.graph(&entities) {
            Ok(graph) => graph,
            Err(error) => return unfit(error.to_string()),
        };
        let context = self.context(caller);
        let (principal, action, resource) = (&principal.uid, &action.name().into(), &resource.uid);
        let decision =
            active.policies.decide(AuthzQuery { principal, action, resource, context: &context }, &graph);
        if let AuthzDecision::Deny { reason, .. } = &decision
            && !matches!(reason, DenyReason::NoPermit | DenyReason::Forbidden)
        {
            tracing::error!(%decision, "a policy could not be asked, so it is denied");
        }
        decision
    }

    fn context(&self, caller: &Caller) -> StandardRequestContext {
        let context = StandardRequestContext::new(self.clock.now());
        let context = match (&caller.how, caller.client_ip) {
            (Proof::Session { proved_at }, _) => {
                context.with_factors([FactorKind::Password, FactorKind::Totp], *proved_at)
            }
            _ => context,
        };
        let context = match caller.client_ip {
            Some(ip) => context.with_ip(ip),
            None => context,
        };
        context.with_custom("how", caller.how.name())
    }
}

/// Reads the policies of a folder; without one, those that come along.
pub(super) fn read(folder: Option<&Path>) -> Result<PolicyBundle, PolicyLoadError> {
    match folder {
        Some(folder) => PolicyBundle::load_dir(folder).map_err(PolicyLoadError::Bundle),
        None => Ok(PolicyBundle::new("audex").with_file("roles.cedar", POLICIES)),
    }
}

/// Composes policies with the shipped schema.
pub(super) fn compose(policies: PolicyBundle) -> Result<PolicyStore, PolicyLoadError> {
    let schema = PolicyBundle::new("audex schema").with_file("audex.cedarschema", SCHEMA);
    PolicyStore::compose(vec![PolicyBundle::base(), schema, policies])
}

/// Reads and composes them.
pub(super) fn load(folder: Option<&Path>) -> Result<PolicyStore, PolicyLoadError> {
    read(folder).and_then(compose)
}

/// Describes the caller.
fn principal(caller: &Caller, tenant: &str) -> Result<Entity, UidError> {
    let (uid, kind) = match (&caller.requester, caller.user_id) {
        (Requester::Workload { .. }, _) | (_, None) => {
            (ResourceUid::new("Workload", caller.identity())?, None)
        }
        (_, Some(user_id)) => {
            (ResourceUid::user(user_id), Some(if caller.is_service { "service" } else { "human" }))
        }
    };
    let entity =
        Entity::new(uid.clone()).with_attr("tenant_id", tenant).with_attr("identity", caller.identity());
    let entity = match kind {
        Some(kind) => entity.with_attr("kind", kind),
        None => {
            let (issuer, subject) = match &caller.requester {
                Requester::Workload { issuer, subject, .. } => (issuer.as_str(), subject.as_str()),
                _ => ("", ""),
            };
            entity
                .with_attr("tenant_slug", super::open::TENANT)
                .with_attr("workload_id", caller.identity())
                .with_attr("service_name", subject)
                .with_attr("issuer", issuer)
                .with_attr("trust_domain", issuer)
        }
    };
    let groups = caller.requester.groups().iter().map(ResourceUid::group);
    let mut set = EntitySet::from_iter([entity]);
    set.add_parents(&uid, caller.roles.iter().map(ResourceUid::role).chain(groups));
    set.get(&uid).cloned().ok_or(UidError)
}

/// Describes what it is about.
fn resource(subject: &Subject<'_>, tenant: &str) -> Result<Entity, UidError> {
    let (kind, id, facts) = match subject {
        Subject::Request(pending) => {
            let facts = (pending.requester.identity(), pending.ask.provider.name(), pending.approval.roles());
            ("CredentialRequest", pending.session_id.to_string(), Some(facts))
        }
        Subject::Ask { provider, identity } => {
            ("CredentialRequest", String::new(), Some(((*identity).to_owned(), provider.name(), &[][..])))
        }
        Subject::Session(record) => {
            let facts = (record.requester.identity(), record.provider.name(), &[][..]);
            ("CredentialSession", record.session_id.to_string(), Some(facts))
        }
        Subject::Own(identity) => {
            ("CredentialSession", String::new(), Some(((*identity).to_owned(), "", &[][..])))
        }
        Subject::Sessions => ("Area", "sessions".to_owned(), None),
        Subject::Requests => ("Area", "requests".to_owned(), None),
        Subject::Audit => ("Area", "audit".to_owned(), None),
        Subject::People => ("Area", "people".to_owned(), None),
        Subject::Server => ("Area", "server".to_owned(), None),
    };
    let entity = Entity::new(ResourceUid::new(kind, id)?).with_attr("tenant_id", tenant);
    let Some((requester, provider, roles)) = facts else { return Ok(entity) };
    let entity = entity.with_attr("requester", requester).with_attr("provider", provider);
    if kind != "CredentialRequest" {
        return Ok(entity);
    }
    let roles: Vec<Value> = roles.iter().map(|role| ResourceUid::role(role).to_json()).collect();
    Ok(entity.with_attr("approver_roles", roles))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");

    fn copy() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(FOLDER).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        folder
    }

    #[test]
    fn the_policies_decide_as_the_table_says() {
        assert!(Access::test_policies(FOLDER.as_ref()).unwrap() > 400);
        let shipped = load(None).unwrap();
        let table =
            DecisionTable::from_json(&fs::read_to_string(format!("{FOLDER}/{TABLE}")).unwrap()).unwrap();
        assert!(table.cases.iter().all(|case| case.expect.is_some()));
        table.check(&shipped).unwrap();
        assert_eq!(shipped.warnings(), []);
    }

    /// A policy that determines no answer is not tested by the table.
    #[test]
    fn every_policy_determines_an_answer() {
        let shipped = load(None).unwrap();
        let table =
            DecisionTable::from_json(&fs::read_to_string(format!("{FOLDER}/{TABLE}")).unwrap()).unwrap();
        let golden = table.golden(&shipped).unwrap();
        for policy in shipped.policies() {
            assert!(golden.contains(&policy.id), "{}", policy.id);
        }
    }

    #[test]
    fn a_copy_can_be_edited_and_is_told_its_faults() {
        let folder = copy();
        assert!(Access::test_policies(folder.path()).unwrap() > 400);
        let own = folder.path().join("own.cedar");
        fs::write(&own, "@id(\"data-reads-all\")\npermit (\n  principal in Group::\"team:data\",\n  action == Action::\"read\",\n  resource);\n").unwrap();
        let error = Access::test_policies(folder.path()).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("alice") && cause.contains("expected deny"), "{cause}");
        fs::remove_file(folder.path().join(TABLE)).unwrap();
        assert_eq!(Access::test_policies(folder.path()).unwrap(), 0, "no table, no test");

        for (text, fault) in [
            (
                "permit (principal, action, resource);\npermit (principal, axion, resource);\n",
                "own.cedar:2: ",
            ),
            ("permit (principal, action == Action::\"rule\", resource);\n", "own.cedar:1: "),
            ("permit (principal is User, action, resource)\nwhen { principal.shoe == 7 };\n", "own.cedar:"),
        ] {
            fs::write(&own, text).unwrap();
            let error = Access::test_policies(folder.path()).unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
        assert!(matches!(Access::test_policies("no/such".as_ref()), Err(PolicyTestError::Policies(_))));
    }

    #[test]
    fn a_schema_that_takes_something_away_is_refused() {
        let folder = copy();
        let schema = folder.path().join("audex.cedarschema");
        let text = fs::read_to_string(&schema).unwrap();
        fs::write(&schema, text.replace("approver_roles: Set<Role>", "approver_roles: Set<String>")).unwrap();
        let error = Access::test_policies(folder.path()).unwrap_err().to_string();
        assert!(error.contains("audex.cedarschema"), "{error}");
    }
}
