-- Who is still to be told what. destination: its kind, and a digest of where it is. next_at: when it is sent next; while somebody
-- sends it, until when they have for it.
CREATE TABLE audex_notices (
    id {bytes} NOT NULL PRIMARY KEY,
    destination {bytes} NOT NULL,
    created_at {int} NOT NULL,
    attempts {int} NOT NULL,
    next_at {int} NOT NULL,
    until {int} NOT NULL,
    sealed {bytes} NOT NULL
);
CREATE INDEX audex_notices_due ON audex_notices (destination, next_at);
CREATE INDEX audex_notices_age ON audex_notices (destination, created_at, id);
CREATE INDEX audex_notices_until ON audex_notices (until);
