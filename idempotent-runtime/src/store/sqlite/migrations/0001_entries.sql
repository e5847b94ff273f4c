-- Version 1: one row a key. Times are milliseconds since the Unix epoch, lengths of time milliseconds.
--
-- The address is random, so the rows are kept in the order of their arrival and found by an index:
-- a response is then written beside its neighbours in time, not to a random page.
CREATE TABLE "{table}" (
    id          INTEGER PRIMARY KEY,
    address     BLOB    NOT NULL,   -- 32 bytes: a hash of namespace, scope, principal and key
    fingerprint BLOB    NOT NULL,   -- 32 bytes: which request it is
    token       BLOB    NOT NULL,   -- 16 bytes: which claim it is, or was completed by
    state       INTEGER NOT NULL,   -- 0 claimed, 1 abandoned, 2 completed, 3 expired and remembered
    attempt     INTEGER NOT NULL,   -- 1, and one more for every takeover
    until       INTEGER NOT NULL,   -- 0 and 1: the lease's end; 2 and 3: the replay's end
    retention   INTEGER NOT NULL,   -- claimed: for how long it is remembered after its lease
    forget_at   INTEGER NOT NULL,   -- from then on the address is vacant, and the row may go
    label       TEXT    NOT NULL,   -- of the claim: endpoint, or namespace, char(31) and endpoint; char(29) before an operation, char(30) before a transaction
    record      BLOB                -- completed: what is replayed
) STRICT;

CREATE UNIQUE INDEX "{table}_address" ON "{table}" (address);
CREATE INDEX "{table}_forget_at" ON "{table}" (forget_at);

-- Responses that are to be remembered as expired, and whose bytes are given back before: empty
-- where nothing is remembered.
CREATE INDEX "{table}_remembered" ON "{table}" (until) WHERE state = 2 AND until < forget_at;
