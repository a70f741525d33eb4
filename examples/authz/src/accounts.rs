//! Two companies with people, groups, folders and documents, to try things with. Everybody's password is the same.

use crate::{Fault, database::Database, routes::Service};
use axess::{
    AuthnScope, Method, NewSignup, SessionLayer, SignupOutcome, TenantId, UserId,
    clock::{Clock, SystemClock},
    identity::Identifier,
    rng::{SystemRng, random_array},
    session::RequestContext,
    store::{IdentityAdmin, IdentityLookup, TenantBootstrap},
};
use sqlx::SqlitePool;

/// In a real application, nobody knows anybody else's.
const PASSWORD: &str = "purple otters juggle at noon";

/// Tenant, name, role, group.
type Person = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);

const PEOPLE: [Person; 6] = [
    ("acme", "ada", Some("admin"), None),
    ("acme", "ed", Some("editor"), None),
    ("acme", "vic", Some("viewer"), None),
    ("acme", "olga", None, None),
    ("acme", "gus", None, Some("acme/design")),
    ("globex", "gina", Some("admin"), Some("globex/design")),
];

/// Group, and the one it is in.
const GROUPS: [(&str, Option<&str>); 3] =
    [("acme/product", None), ("acme/design", Some("acme/product")), ("globex/design", None)];

/// Tenant, folder, the one it is in, the group it is open to.
const FOLDERS: [(&str, &str, Option<&str>, Option<&str>); 3] = [
    ("acme", "plans", None, Some("acme/product")),
    ("acme", "plans-2026", Some("plans"), None),
    ("globex", "ideas", None, Some("globex/design")),
];

/// Owner, id, classification, folder, the group it is shared with.
type Entry = (&'static str, &'static str, &'static str, Option<&'static str>, Option<&'static str>);

const DOCUMENTS: [Entry; 9] = [
    ("ada", "handbook", "public", None, None),
    ("olga", "budget", "internal", None, None),
    ("olga", "merger", "secret", None, None),
    ("ed", "sketch", "internal", None, Some("acme/design")),
    ("ed", "roadmap", "internal", None, Some("acme/product")),
    ("ada", "plan", "internal", Some("plans-2026"), None),
    ("ada", "vault", "secret", Some("plans"), None),
    ("gina", "ledger", "public", Some("ideas"), None),
    // Shared with a group of another tenant, by mistake: it stays where it is.
    ("gina", "misfiled", "public", Some("plans"), Some("acme/design")),
];

pub(crate) async fn prepare(service: &Service, database: &Database) -> Result<(), Fault> {
    service.identity().save_methods(AuthnScope::Global, vec![Method::password()]).await?;
    for tenant in ["acme", "globex"] {
        create_tenant(service, tenant).await?;
    }
    let pool = &database.pool;
    for (id, parent) in GROUPS {
        insert(pool, "INSERT INTO groups VALUES (?, ?)", &[Some(id), parent]).await?;
    }
    for (tenant, id, parent, group) in FOLDERS {
        let tenant_id = tenant_of(service, tenant).await?.to_string();
        let row = [Some(id), Some(&*tenant_id), parent, group];
        insert(pool, "INSERT INTO folders VALUES (?, ?, ?, ?)", &row).await?;
    }
    for (tenant, name, role, group) in PEOPLE {
        let (tenant_id, user_id) = sign_up(service, database, tenant, name).await?;
        let (tenant_id, user_id) = (tenant_id.to_string(), user_id.to_string());
        if role.is_some() {
            insert(pool, "INSERT INTO user_roles VALUES (?, ?)", &[Some(&*user_id), role]).await?;
        }
        if group.is_some() {
            insert(pool, "INSERT INTO user_groups VALUES (?, ?)", &[Some(&*user_id), group]).await?;
        }
        for (_, id, class, folder, shared) in DOCUMENTS.iter().filter(|(owner, ..)| *owner == name) {
            let (title, body) = (format!("The {id}"), format!("What the {id} says."));
            let owner = [Some(*id), Some(&*tenant_id), Some(&*title), Some(&*body), Some(&*user_id)];
            let row = [&owner[..], &[Some(*class), *folder, *shared]].concat();
            insert(pool, "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", &row).await?;
        }
    }
    tracing::warn!(
        "there are accounts with a known password: {}",
        PEOPLE.map(|(_, name, ..)| name).join(", ")
    );
    Ok(())
}

async fn insert(pool: &SqlitePool, sql: &'static str, row: &[Option<&str>]) -> Result<(), sqlx::Error> {
    let query = row.iter().fold(sqlx::query(sql), |query, value| query.bind(*value));
    query.execute(pool).await.map(drop)
}

async fn create_tenant(service: &Service, slug: &str) -> Result<(), Fault> {
    let (now, rng) = (SystemClock.now(), SystemRng);
    let tenant = TenantBootstrap {
        tenant_id: TenantId::generate(now, &rng),
        slug: slug.parse()?,
        display_name: slug.to_owned(),
        methods: Vec::new(),
        fingerprint_pepper: random_array::<32>(&rng).into(),
        lockout_policy: None,
        device_retention_days: 90,
        created_at: now,
    };
    let _ = service.identity().create_tenant(tenant).await?;
    Ok(())
}

async fn tenant_of(service: &Service, slug: &str) -> Result<TenantId, Fault> {
    let tenant = service.identity().find_tenant(slug.parse()?).await?;
    Ok(tenant.ok_or("the tenant cannot be created")?.tenant_id)
}

async fn sign_up(
    service: &Service,
    database: &Database,
    tenant: &str,
    name: &str,
) -> Result<(TenantId, UserId), Fault> {
    let signup = NewSignup {
        identifier: name.to_owned(),
        tenant: tenant.to_owned(),
        email: None,
        display_name: None,
        password: PASSWORD.into(),
    };
    // Nobody's session: it is never stored.
    let layer = SessionLayer::new(database.sessions.clone(), random_array::<32>(&SystemRng));
    let session = layer.sessions().open(None, RequestContext::default()).await?;
    let SignupOutcome::Completed { .. } = service.begin_signup(&session, signup).await? else {
        return Err(format!("{name} cannot be signed up").into());
    };
    let tenant_id = tenant_of(service, tenant).await?;
    let user = service.identity().find_user(tenant_id, Identifier::parse(name)?).await?;
    Ok((tenant_id, user.ok_or("nobody was signed up")?.user_id))
}
