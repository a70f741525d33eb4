-- Sessions, the memory of rotations, and the registry of valid sessions.
CREATE TABLE axess_session (
    id {id} NOT NULL PRIMARY KEY,
    lineage {id} NOT NULL,
    version {int} NOT NULL,
    tenant_id {id},
    user_id {id},
    payload {bytes} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    -- The hour it expires in: what cleaning up looks for. A session that is used moves its end all the time, and its hour
    -- rarely; PostgreSQL writes no index then.
    expires_hour {int} NOT NULL
);
INDEX axess_session_owner (tenant_id, user_id, created_at);
INDEX axess_session_lineage (lineage);
INDEX axess_session_expiry (expires_hour);

-- Which lineage an id was rotated away from: a logout that still names the old id ends the session all the same.
CREATE TABLE axess_session_rotation (
    id {id} NOT NULL PRIMARY KEY,
    lineage {id} NOT NULL,
    expires_at {int} NOT NULL
);
INDEX axess_session_rotation_expiry (expires_at);

CREATE TABLE axess_session_registry (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    id {id} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, user_id, id)
);
INDEX axess_session_registry_expiry (expires_at);
