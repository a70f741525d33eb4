-- What providers logged out lately: a login that was begun before may still be on its way. The digest covers the tenant, if the
-- provider is one tenant's, the issuer and the name.
CREATE TABLE axess_sid_logout (
    logout {hash} NOT NULL,
    logged_out_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    PRIMARY KEY (logout)
);
INDEX axess_sid_logout_expiry (expires_at);
