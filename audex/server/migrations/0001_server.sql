-- Times are microseconds since 1970; ids, texts and JSON are bytes.
CREATE TABLE audex_people (
    user_id {bytes} NOT NULL PRIMARY KEY,
    email {bytes} NOT NULL UNIQUE,
    created_at {int} NOT NULL,
    body {bytes} NOT NULL
);
CREATE INDEX audex_people_page ON audex_people (created_at, user_id);

CREATE TABLE audex_tokens (
    id {bytes} NOT NULL PRIMARY KEY,
    digest {bytes} NOT NULL UNIQUE,
    owner {bytes} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    last_used_at {int},
    revoked_at {int},
    details {bytes} NOT NULL
);
CREATE INDEX audex_tokens_owner ON audex_tokens (owner, created_at, id);
CREATE INDEX audex_tokens_page ON audex_tokens (created_at, id);

CREATE TABLE audex_keys (
    id {bytes} NOT NULL PRIMARY KEY,
    owner {bytes} NOT NULL,
    created_at {int} NOT NULL,
    body {bytes} NOT NULL
);
CREATE INDEX audex_keys_owner ON audex_keys (owner, created_at);

CREATE TABLE audex_invitations (
    digest {bytes} NOT NULL PRIMARY KEY,
    user_id {bytes} NOT NULL,
    expires_at {int} NOT NULL
);
CREATE INDEX audex_invitations_user ON audex_invitations (user_id);

-- state: 0 pending, 1 approved, 2 denied, 3 consumed, 4 lapsed, 5 withdrawn.
CREATE TABLE audex_requests (
    id {bytes} NOT NULL PRIMARY KEY,
    version {int} NOT NULL,
    identity {bytes} NOT NULL,
    state {int} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    body {bytes} NOT NULL
);
CREATE INDEX audex_requests_page ON audex_requests (created_at, id);
CREATE INDEX audex_requests_identity ON audex_requests (identity, created_at, id);
CREATE INDEX audex_requests_open ON audex_requests (state, expires_at);

-- status: 0 is active, the others are in the order of the states. bare: no credential is recorded yet.
CREATE TABLE audex_sessions (
    id {bytes} NOT NULL PRIMARY KEY,
    version {int} NOT NULL,
    identity {bytes} NOT NULL,
    status {int} NOT NULL,
    bare {int} NOT NULL,
    created_at {int} NOT NULL,
    deadline {int} NOT NULL,
    record {bytes} NOT NULL
);
CREATE INDEX audex_sessions_page ON audex_sessions (created_at, id);
CREATE INDEX audex_sessions_identity ON audex_sessions (identity, created_at, id);
CREATE INDEX audex_sessions_active ON audex_sessions (deadline) WHERE status = 0;
CREATE INDEX audex_sessions_held ON audex_sessions (identity, deadline) WHERE status = 0;
CREATE INDEX audex_sessions_bare ON audex_sessions (created_at) WHERE status = 0 AND bare = 1;

-- Under which groups an active session counts; gone when it is over.
CREATE TABLE audex_session_groups (
    session_id {bytes} NOT NULL,
    name {bytes} NOT NULL,
    deadline {int} NOT NULL,
    PRIMARY KEY (session_id, name)
);
CREATE INDEX audex_session_groups_held ON audex_session_groups (name, deadline);

-- How many requests were counted ever under a name, of an identity or `#` and a group, and when the last one was; its row is
-- the lock.
CREATE TABLE audex_limits (
    name {bytes} NOT NULL PRIMARY KEY,
    requests {int} NOT NULL,
    latest {int} NOT NULL
);

-- When each of the newest was: their times rise with their numbers.
CREATE TABLE audex_counts (
    name {bytes} NOT NULL,
    number {int} NOT NULL,
    counted_at {int} NOT NULL,
    PRIMARY KEY (name, number)
);

CREATE TABLE audex_answers (
    identity {bytes} NOT NULL,
    retry_key {bytes} NOT NULL,
    digest {bytes} NOT NULL,
    session_id {bytes} NOT NULL,
    since {int} NOT NULL,
    is_done {int} NOT NULL,
    PRIMARY KEY (identity, retry_key)
);
CREATE INDEX audex_answers_since ON audex_answers (since);

CREATE TABLE audex_handovers (
    id {bytes} NOT NULL PRIMARY KEY,
    sealed {bytes} NOT NULL,
    until {int} NOT NULL
);
CREATE INDEX audex_handovers_until ON audex_handovers (until);
