-- The accounts of identities at providers, found by a digest of issuer and subject: these are longer than what every database
-- can index.
CREATE TABLE axess_federated_link (
    tenant_id {id} NOT NULL,
    identity_digest {hash} NOT NULL,
    user_id {id} NOT NULL,
    version {int} NOT NULL,
    issuer {text} NOT NULL,
    subject {text} NOT NULL,
    provider {name} NOT NULL,
    linked_at {int} NOT NULL,
    last_used_at {int},
    PRIMARY KEY (tenant_id, identity_digest)
);
INDEX axess_federated_link_user (tenant_id, user_id);
