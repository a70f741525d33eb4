-- A provider that several tenants share says which session is over, and not in which of them: the digests come first. Nothing
-- was kept here before providers could be logged in at.
DROP TABLE axess_sid;
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
INDEX axess_sid_sid (sid_digest, tenant_id, lineage);
INDEX axess_sid_subject (subject_digest, tenant_id, lineage);
INDEX axess_sid_expiry (expires_at);
