//! What the policies are asked about: users with their roles, groups and folders, and documents, as rows of SQLite.
//!
//! A question costs four queries, however many documents it is about.

use crate::documents::ENTITY_TYPE;
use axess::Principal;
use axess::authz::{AuthzEntityProvider, AuthzProviderError, Entity, EntitySet, ResourceUid, UidError};
use serde_json::Value;
use sqlx::SqlitePool;

/// What each role includes.
const ROLES: [(&str, &str); 2] = [("admin", "editor"), ("editor", "viewer")];

/// The groups of a user, and every group those are in. `UNION` ends at a group that was seen.
const GROUPS: &str = "WITH RECURSIVE mine (id) AS (
        SELECT group_id FROM user_groups WHERE user_id = ?1
        UNION SELECT groups.parent_id FROM groups JOIN mine ON groups.id = mine.id
              WHERE groups.parent_id IS NOT NULL)
    SELECT groups.id, groups.parent_id, EXISTS (
        SELECT 1 FROM user_groups WHERE user_id = ?1 AND group_id = groups.id)
    FROM groups JOIN mine ON groups.id = mine.id";

/// The folders that are open to one of some groups, with the folders inside.
const FOLDERS: &str = "WITH RECURSIVE open (id) AS (
        SELECT id FROM folders WHERE tenant_id = ?1 AND group_id IN (SELECT value FROM json_each(?2))
        UNION SELECT folders.id FROM folders JOIN open ON folders.parent_id = open.id)
    SELECT id FROM open";

const DOCUMENTS: &str = "SELECT id, tenant_id, owner_id, classification, folder_id, shared_with
    FROM documents WHERE id IN (SELECT value FROM json_each(?1))";

#[derive(Debug)]
pub(crate) struct Facts(SqlitePool);

/// Id, tenant, owner, classification, folder, the group it is shared with.
type Row = (String, String, String, String, Option<String>, Option<String>);

impl Facts {
    pub(crate) fn of(pool: SqlitePool) -> Self {
        Self(pool)
    }

    /// Adds a user with its roles and groups.
    async fn add_user(&self, set: &mut EntitySet, principal: &Principal) -> Result<(), AuthzProviderError> {
        let Principal::Human(user) = principal else { return Ok(()) };
        let uid = ResourceUid::user(user.user_id);
        let roles: Vec<String> = sqlx::query_scalar("SELECT role FROM user_roles WHERE user_id = ?1")
            .bind(uid.id())
            .fetch_all(&self.0)
            .await
            .map_err(failed)?;
        let groups: Vec<(String, Option<String>, bool)> =
            sqlx::query_as(GROUPS).bind(uid.id()).fetch_all(&self.0).await.map_err(failed)?;
        let ids: Vec<&str> = groups.iter().map(|(id, ..)| id.as_str()).collect();
        let folders: Vec<String> = sqlx::query_scalar(FOLDERS)
            .bind(user.tenant_id.to_string())
            .bind(Value::from(ids).to_string())
            .fetch_all(&self.0)
            .await
            .map_err(failed)?;

        let folders = folders.into_iter().map(|id| Ok(folder(&id)?.to_json()));
        let folders = folders.collect::<Result<Vec<Value>, UidError>>().map_err(unfit)?;
        let direct = groups.iter().filter(|(.., direct)| *direct).map(|(id, ..)| ResourceUid::group(id));
        set.insert(Entity::new(uid.clone()).with_attr("folders", folders));
        set.add_parents(&uid, roles.iter().map(ResourceUid::role).chain(direct));
        for (role, included) in ROLES {
            set.add_parents(&ResourceUid::role(role), [ResourceUid::role(included)]);
        }
        for (id, parent, _) in &groups {
            set.add_parents(&ResourceUid::group(id), parent.iter().map(ResourceUid::group));
        }
        Ok(())
    }

    async fn add_documents(
        &self,
        set: &mut EntitySet,
        resources: &[ResourceUid],
    ) -> Result<(), AuthzProviderError> {
        let documents = resources.iter().filter(|uid| uid.entity_type() == ENTITY_TYPE);
        let ids: Vec<&str> = documents.map(ResourceUid::id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ids = Value::from(ids).to_string();
        let found = sqlx::query_as(DOCUMENTS).bind(ids).fetch_all(&self.0).await.map_err(failed)?;
        for document in found {
            set.insert(entity(document).map_err(unfit)?);
        }
        Ok(())
    }
}

impl AuthzEntityProvider for Facts {
    fn name(&self) -> &str {
        "documents"
    }

    async fn entities(
        &self,
        principal: &Principal,
        resources: &[ResourceUid],
    ) -> Result<EntitySet, AuthzProviderError> {
        let mut set = EntitySet::new();
        self.add_user(&mut set, principal).await?;
        self.add_documents(&mut set, resources).await?;
        Ok(set)
    }
}

fn entity(
    (id, tenant_id, owner_id, classification, folder_id, shared_with): Row,
) -> Result<Entity, UidError> {
    let mut entity = Entity::new(ResourceUid::new(ENTITY_TYPE, id)?)
        .with_attr("tenant_id", tenant_id)
        .with_attr("owner", ResourceUid::new("User", owner_id)?.to_json())
        .with_attr("classification", classification);
    if let Some(id) = folder_id {
        entity = entity.with_attr("folder", folder(&id)?.to_json());
    }
    if let Some(id) = shared_with {
        entity = entity.with_attr("shared_with", ResourceUid::group(id).to_json());
    }
    Ok(entity)
}

fn folder(id: &str) -> Result<ResourceUid, UidError> {
    ResourceUid::new("Folder", id)
}

fn failed(error: sqlx::Error) -> AuthzProviderError {
    AuthzProviderError::new("database", error)
}

fn unfit(error: UidError) -> AuthzProviderError {
    AuthzProviderError::new("name", error)
}
