-- The keys of `idempotent` in PostgreSQL. Each version is to be applied once, and as a whole.

-- `CREATE SCHEMA IF NOT EXISTS` would want the privilege to create even where there is nothing to
-- create.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{schema_name}') THEN
        CREATE SCHEMA {schema};
    END IF;
END $$;

CREATE TABLE {schema}.{table}_versions (
    version     integer     PRIMARY KEY,
    migrated_at timestamptz NOT NULL DEFAULT now()
);

