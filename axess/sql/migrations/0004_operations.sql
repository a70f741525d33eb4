-- What was used once, the buckets of rate limiters, leases, and values by key.
CREATE TABLE axess_replay (
    claim {hash} NOT NULL PRIMARY KEY,
    expires_at {int} NOT NULL
);
INDEX axess_replay_expiry (expires_at);

-- The state is a time of nanoseconds: whole microseconds in tat, the rest of it in tat_nanos.
CREATE TABLE axess_rate_bucket (
    bucket {id} NOT NULL PRIMARY KEY,
    tat {int} NOT NULL,
    tat_nanos {int} NOT NULL
);
INDEX axess_rate_bucket_tat (tat, tat_nanos);

-- A lease that was given back stays, without a holder: its fence must not be given out again.
CREATE TABLE axess_lease (
    name {key} NOT NULL PRIMARY KEY,
    holder {key},
    fence {int} NOT NULL,
    expires_at {int} NOT NULL
);

CREATE TABLE axess_key_value (
    name {key} NOT NULL PRIMARY KEY,
    payload {bytes} NOT NULL,
    expires_at {int} NOT NULL
);
INDEX axess_key_value_expiry (expires_at);
