-- What is written to see whether something can be.
CREATE TABLE audex_probe (
    id {int} NOT NULL PRIMARY KEY,
    at {int} NOT NULL,
    room {bytes} NOT NULL
);
