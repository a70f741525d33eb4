mod cached;
mod prepared;
mod principal;
mod provider;

pub use cached::CachedEntityProvider;
pub(crate) use prepared::Prepared;
pub use principal::ToCedarEntity;
pub(crate) use principal::proven;
pub use provider::{AuthzEntityProvider, AuthzProviderError, DynAuthzEntityProvider, NoEntities};

use crate::ResourceUid;
use prepared::Slot;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// The most entities in one set.
pub const MAX_ENTITIES: usize = 10_000;

/// One entity: its name, attributes, tags, and what it lies in.
///
/// Values are JSON and are read by the schema: a number is a `Long`, a text may be a `String`, an `ipaddr` or a
/// `datetime`, and a reference is what [`ResourceUid::to_json`] returns.
///
/// ```
/// use axess_authz::{Entity, ResourceUid};
/// let alice = ResourceUid::new("User", "alice").unwrap();
/// let document = Entity::new(ResourceUid::new("Document", "doc-1").unwrap())
///     .with_attr("tenant_id", "t1")
///     .with_attr("owner", alice.to_json())
///     .with_parent(ResourceUid::new("Folder", "inbox").unwrap());
/// assert_eq!(document.parents.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// Its name.
    pub uid: ResourceUid,
    /// Its attributes.
    #[serde(default)]
    pub attrs: Map<String, Value>,
    /// What it lies in directly; further ancestors follow from the entities of the set.
    #[serde(default)]
    pub parents: BTreeSet<ResourceUid>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub tags: Map<String, Value>,
}

/// The facts of one evaluation: entities by name.
///
/// It is checked against the schema when it is used; see [`PolicyStore::graph`](crate::PolicyStore::graph).
///
/// ```
/// use axess_authz::{Entity, EntitySet, ResourceUid};
/// let alice = ResourceUid::new("User", "alice").unwrap();
/// let mut set = EntitySet::new();
/// set.insert(Entity::new(alice.clone()).with_attr("tenant_id", "t1"));
/// set.add_parents(&alice, [ResourceUid::role("viewer")]);
/// assert!(set.get(&alice).unwrap().parents.contains(&ResourceUid::role("viewer")));
/// ```
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Entity>", into = "Vec<Entity>")]
pub struct EntitySet {
    entities: Arc<BTreeMap<ResourceUid, Entity>>,
    /// What was worked out from these entities; clones share it until they change.
    slot: Arc<Slot>,
}

impl Entity {
    /// Creates an entity without attributes and parents.
    #[must_use]
    pub fn new(uid: ResourceUid) -> Self {
        Self { uid, attrs: Map::new(), parents: BTreeSet::new(), tags: Map::new() }
    }

    /// Sets an attribute.
    #[must_use]
    pub fn with_attr(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attrs.insert(name.into(), value.into());
        self
    }

    /// Sets a tag.
    #[must_use]
    pub fn with_tag(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Adds a parent.
    #[must_use]
    pub fn with_parent(mut self, parent: ResourceUid) -> Self {
        self.parents.insert(parent);
        self
    }

    fn to_json(&self) -> Value {
        let bare = |uid: &ResourceUid| serde_json::json!({ "type": uid.entity_type(), "id": uid.id() });
        let mut json = serde_json::json!({
            "uid": bare(&self.uid),
            "attrs": self.attrs,
            "parents": self.parents.iter().map(bare).collect::<Vec<_>>(),
        });
        if let (Value::Object(json), false) = (&mut json, self.tags.is_empty()) {
            json.insert("tags".to_owned(), Value::Object(self.tags.clone()));
        }
        json
    }
}

impl EntitySet {
    /// Creates an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entity; one of the same name is replaced.
    pub fn insert(&mut self, entity: Entity) {
        self.entities_mut().insert(entity.uid.clone(), entity);
    }

    /// Adds parents to an entity, which is created when the set does not have it.
    pub fn add_parents(&mut self, uid: &ResourceUid, parents: impl IntoIterator<Item = ResourceUid>) {
        let entity = self.entities_mut().entry(uid.clone()).or_insert_with(|| Entity::new(uid.clone()));
        entity.parents.extend(parents);
    }

    /// Adds what another set has; entities that both have are merged, and attributes of `other` win.
    pub fn merge(&mut self, other: Self) {
        let entities = self.entities_mut();
        for (uid, entity) in Arc::unwrap_or_clone(other.entities) {
            let own = entities.entry(uid.clone()).or_insert_with(|| Entity::new(uid));
            own.attrs.extend(entity.attrs);
            own.tags.extend(entity.tags);
            own.parents.extend(entity.parents);
        }
    }

    /// Returns one entity.
    #[must_use]
    pub fn get(&self, uid: &ResourceUid) -> Option<&Entity> {
        self.entities.get(uid)
    }

    /// Returns every entity, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Entity> {
        self.entities.values()
    }

    /// Returns the number of entities.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Tells whether there is no entity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    fn entities_mut(&mut self) -> &mut BTreeMap<ResourceUid, Entity> {
        self.slot = Arc::default();
        Arc::make_mut(&mut self.entities)
    }

    pub(crate) fn to_json(&self) -> Value {
        Value::Array(self.iter().map(Entity::to_json).collect())
    }
}

impl FromIterator<Entity> for EntitySet {
    fn from_iter<I: IntoIterator<Item = Entity>>(entities: I) -> Self {
        let entities = entities.into_iter().map(|entity| (entity.uid.clone(), entity)).collect();
        Self { entities: Arc::new(entities), slot: Arc::default() }
    }
}

impl From<Vec<Entity>> for EntitySet {
    fn from(entities: Vec<Entity>) -> Self {
        entities.into_iter().collect()
    }
}

impl From<EntitySet> for Vec<Entity> {
    fn from(set: EntitySet) -> Self {
        Arc::unwrap_or_clone(set.entities).into_values().collect()
    }
}

impl PartialEq for EntitySet {
    fn eq(&self, other: &Self) -> bool {
        self.entities == other.entities
    }
}

impl fmt::Debug for EntitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
