-- Ids of users and tenants are written as the policies name them. A group is named after its tenant, so that the groups
-- of two tenants cannot be mistaken for each other.
CREATE TABLE user_roles (user_id TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (user_id, role)) STRICT;

-- Who is in a group is in its parent too.
CREATE TABLE groups (id TEXT PRIMARY KEY, parent_id TEXT REFERENCES groups (id)) STRICT;

CREATE TABLE user_groups (
    user_id TEXT NOT NULL,
    group_id TEXT NOT NULL REFERENCES groups (id),
    PRIMARY KEY (user_id, group_id)
) STRICT;

-- Open to a group, if at all, with everything inside.
CREATE TABLE folders (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    parent_id TEXT REFERENCES folders (id),
    group_id TEXT REFERENCES groups (id)
) STRICT;
CREATE INDEX folders_by_parent ON folders (parent_id);
CREATE INDEX folders_by_group ON folders (group_id);

CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    classification TEXT NOT NULL CHECK (classification IN ('public', 'internal', 'secret')),
    folder_id TEXT REFERENCES folders (id),
    shared_with TEXT REFERENCES groups (id)
) STRICT;
CREATE INDEX documents_by_tenant ON documents (tenant_id);
