-- Refresh tokens, devices, delegated credentials, and the sessions of identity providers.

-- One row for each user who ever had a refresh token: whoever changes tokens of theirs holds it.
CREATE TABLE axess_refresh_owner (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

CREATE TABLE axess_refresh_token (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    id {id} NOT NULL,
    family_id {id} NOT NULL,
    token_hash {text} NOT NULL,
    proof {text} NOT NULL,
    device_id {id},
    device_info {text},
    issued_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    rotated_at {int},
    revoked_at {int},
    successor_id {id},
    successor {bytes},
    PRIMARY KEY (tenant_id, user_id, id)
);
INDEX axess_refresh_token_active (tenant_id, user_id, rotated_at, revoked_at, issued_at);
INDEX axess_refresh_token_family (tenant_id, user_id, family_id);
INDEX axess_refresh_token_device (tenant_id, user_id, device_id);
INDEX axess_refresh_token_expiry (expires_at);

-- The fingerprint counts as taken as long as live_fingerprint is not NULL: until the device is revoked.
CREATE TABLE axess_device (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    device_id {id} NOT NULL,
    trust_level {name} NOT NULL,
    fingerprint {hash} NOT NULL,
    live_fingerprint {hash},
    display_name {text},
    first_seen_at {int} NOT NULL,
    last_seen_at {int} NOT NULL,
    trusted_at {int},
    demoted_at {int},
    revoked_at {int},
    PRIMARY KEY (tenant_id, user_id, device_id)
);
UNIQUE INDEX axess_device_live (tenant_id, user_id, live_fingerprint);
INDEX axess_device_seen (tenant_id, trust_level, last_seen_at);
INDEX axess_device_revoked (tenant_id, trust_level, revoked_at);

CREATE TABLE axess_delegated (
    tenant_id {id} NOT NULL,
    user_id {id} NOT NULL,
    downstream {key} NOT NULL,
    version {int} NOT NULL,
    payload {bytes} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, user_id, downstream)
);

-- Identifiers of providers are found by digest: they are longer than what every database can index. Those of the sid and
-- the subject cover the issuer too.
CREATE TABLE axess_sid (
    tenant_id {id} NOT NULL,
    issuer_digest {hash} NOT NULL,
    lineage {id} NOT NULL,
    sid_digest {hash},
    subject_digest {hash} NOT NULL,
    user_id {id} NOT NULL,
    issuer {text} NOT NULL,
    sid {text},
    subject {text} NOT NULL,
    expires_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, issuer_digest, lineage)
);
INDEX axess_sid_sid (tenant_id, sid_digest, lineage);
INDEX axess_sid_subject (tenant_id, subject_digest, lineage);
INDEX axess_sid_expiry (expires_at);
