-- Tenants, accounts, what they enrolled, what is counted against them, and the audit trail.
-- Where a scope is broader than an account or a tenant, the nil id stands for "all of them".

CREATE TABLE axess_tenant (
    tenant_id {id} NOT NULL PRIMARY KEY,
    slug {name} NOT NULL,
    status {name} NOT NULL,
    display_name {text} NOT NULL,
    pepper {bytes} NOT NULL,
    key_id {int},
    device_retention_days {int} NOT NULL,
    created_at {int} NOT NULL,
    suspended_at {int}
);
UNIQUE INDEX axess_tenant_slug (slug);
INDEX axess_tenant_key (key_id, tenant_id);

-- An erased account has no identifier.
CREATE TABLE axess_user (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    identifier {name},
    display_name {text},
    email {name},
    email_verified {int} NOT NULL,
    status {name} NOT NULL,
    created_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
UNIQUE INDEX axess_user_identifier (tenant_id, identifier);
INDEX axess_user_email (tenant_id, email, email_verified, user_id);

CREATE TABLE axess_scope (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    methods {text},
    lockout {text},
    PRIMARY KEY (tenant_id, user_id)
);

CREATE TABLE axess_factor_policy (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    kind {name} NOT NULL,
    policy {text} NOT NULL,
    PRIMARY KEY (tenant_id, user_id, kind)
);

CREATE TABLE axess_factor (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    kind {name} NOT NULL,
    version {int} NOT NULL,
    sealed {bytes} NOT NULL,
    key_id {int},
    PRIMARY KEY (tenant_id, user_id, kind)
);
INDEX axess_factor_key (key_id, tenant_id, user_id, kind);

-- One row for each lever. Levers of an account name it, so that they can be cleared together.
CREATE TABLE axess_lockout (
    lever {hash} NOT NULL PRIMARY KEY,
    tenant_id {id},
    user_id {id},
    window_started {int},
    failures {int} NOT NULL,
    consecutive {int} NOT NULL,
    lockouts {int} NOT NULL,
    locked_until {int},
    lasting {int} NOT NULL,
    idle_at {int} NOT NULL
);
INDEX axess_lockout_user (tenant_id, user_id);
INDEX axess_lockout_idle (lasting, idle_at);

CREATE TABLE axess_attempt (
    sequence {serial},
    attempt_id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    factor {name} NOT NULL,
    outcome {name} NOT NULL,
    client_ip {name},
    happened_at {int} NOT NULL
);
INDEX axess_attempt_user (tenant_id, user_id, happened_at, sequence);
INDEX axess_attempt_age (happened_at);

CREATE TABLE axess_audit (
    event_id {id} NOT NULL PRIMARY KEY,
    tenant_id {id} NOT NULL,
    user_id {id},
    event_type {key} NOT NULL,
    happened_at {int} NOT NULL,
    body {bytes} NOT NULL
);
INDEX axess_audit_age (tenant_id, happened_at, event_id);
INDEX axess_audit_user (tenant_id, user_id, happened_at, event_id);
INDEX axess_audit_type (tenant_id, event_type, happened_at, event_id);

CREATE TABLE axess_audit_outbox (
    sequence {serial},
    event_id {id} NOT NULL,
    tenant_id {id},
    happened_at {int} NOT NULL,
    body {bytes} NOT NULL
);
UNIQUE INDEX axess_audit_outbox_event (event_id);
INDEX axess_audit_outbox_age (happened_at);

CREATE TABLE axess_tenant_idp (
    tenant_id {id} NOT NULL,
    name {name} NOT NULL,
    version {int} NOT NULL,
    protocol {name} NOT NULL,
    issuer {text} NOT NULL,
    settings {text} NOT NULL,
    secret {bytes},
    key_id {int},
    enabled {int} NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
INDEX axess_tenant_idp_key (key_id, tenant_id, name);
