-- The keys of `idempotent` in SQLite. Each version is to be applied once, and as a whole.

CREATE TABLE "{table}_schema" (version INTEGER NOT NULL) STRICT;
INSERT INTO "{table}_schema" VALUES (0);

