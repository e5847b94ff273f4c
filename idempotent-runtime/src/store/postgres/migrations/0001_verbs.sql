-- Version 1: the table, and what each call does. How calls go together comes after it.
--
-- Whoever uses the store needs USAGE of the schema, SELECT, INSERT, UPDATE and DELETE on the table,
-- SELECT on the table of versions, and EXECUTE of the functions (PUBLIC has it unless it was revoked).

-- The fixed columns first, so that nothing is lost to alignment. Half of each page is left free:
-- the row that a completion writes then fits beside the claim's, and no index is touched.
CREATE TABLE {schema}.{table} (
    until       timestamptz NOT NULL,
    forget_at   timestamptz NOT NULL,
    sweep_at    timestamptz NOT NULL,
    attempt     integer     NOT NULL,
    state       "char"      NOT NULL,
    waited      boolean     NOT NULL DEFAULT false,
    token       bytea       NOT NULL,
    fingerprint bytea       NOT NULL,
    address     bytea       NOT NULL PRIMARY KEY,
    label       bytea       NOT NULL,
    record      bytea
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

COMMENT ON TABLE  {schema}.{table} IS 'idempotency keys: one row an address';
COMMENT ON COLUMN {schema}.{table}.state IS 'c: claimed, d: completed, a: abandoned';
COMMENT ON COLUMN {schema}.{table}.until IS 'claimed: when the lease ends; completed: until when the record is replayed';
COMMENT ON COLUMN {schema}.{table}.forget_at IS 'from when on the address is vacant again';
COMMENT ON COLUMN {schema}.{table}.sweep_at IS 'when the sweep looks at the row; written rarely, since it is indexed';
COMMENT ON COLUMN {schema}.{table}.waited IS 'somebody waits on another connection: a change is notified';
COMMENT ON COLUMN {schema}.{table}.label IS
    'endpoint of the claim, or namespace, chr(31) and endpoint; chr(29) before an operation, chr(30) before a transaction; UTF-8 whatever the database is encoded in: convert_from(label, ''UTF8'')';
COMMENT ON COLUMN {schema}.{table}.address IS 'SHA-256 of namespace, scope, principal and key';

CREATE INDEX {table}_sweep_at ON {schema}.{table} (sweep_at);

CREATE TYPE {schema}.{table}_answer AS (said text, attempt integer, micros bigint, record bytea);

-- Tells those who wait on other connections. A notification costs a lock of the whole database at
-- commit, so it is sent only where somebody waits.
CREATE FUNCTION {schema}.{table}_tell(its_address bytea, waited boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF waited THEN
        PERFORM pg_notify('{channel}', encode(its_address, 'hex'));
    END IF;
END
$$;

-- Decides a claim. An entry in a state that nobody here knows is unreadable to it, and no hold on
-- it stands. Inserts first; what was there already is read by a statement of its own, with a
-- snapshot of its own. Answers that write nothing take no lock. A row deleted between the two
-- statements is inserted after all; nothing found never counts as won.
CREATE FUNCTION {schema}.{table}_claim(
    its_address bytea, its_token bytea, its_fingerprint bytea, lease interval, retention interval, rerun boolean,
    its_label bytea
) RETURNS {schema}.{table}_answer
LANGUAGE plpgsql AS $$
DECLARE
    entry  {schema}.{table}%ROWTYPE;
    moment timestamptz;
    locked boolean;
BEGIN
    FOR round IN 1..32 LOOP
        moment := clock_timestamp();
        INSERT INTO {schema}.{table}
            (until, forget_at, sweep_at, attempt, state, token, fingerprint, address, label)
        VALUES (
            moment + lease, moment + lease + retention, moment + lease + retention,
            1, 'c', its_token, its_fingerprint, its_address, its_label
        )
        ON CONFLICT (address) DO NOTHING;
        IF FOUND THEN
            RETURN ROW('won', 1, NULL, NULL)::{schema}.{table}_answer;
        END IF;

        locked := false;
        LOOP
            IF locked THEN
                SELECT * INTO entry FROM {schema}.{table} WHERE address = its_address FOR UPDATE;
            ELSE
                SELECT * INTO entry FROM {schema}.{table} WHERE address = its_address;
            END IF;
            EXIT WHEN NOT FOUND;
            moment := clock_timestamp();

            IF moment < entry.forget_at THEN
                IF entry.state NOT IN ('c', 'd', 'a') THEN
                    RETURN ROW('unreadable', NULL, NULL, NULL)::{schema}.{table}_answer;
                ELSIF entry.fingerprint <> its_fingerprint THEN
                    RETURN ROW('reused', NULL, NULL, NULL)::{schema}.{table}_answer;
                ELSIF entry.state = 'd' AND moment < entry.until THEN
                    -- A record may have been swept before the clock went back.
                    RETURN ROW(
                        CASE WHEN entry.record IS NULL THEN 'unreadable' ELSE 'replay' END, NULL,
                        (extract(epoch FROM entry.until - moment) * 1000000)::bigint, entry.record
                    )::{schema}.{table}_answer;
                ELSIF entry.state = 'd' AND entry.record IS NULL THEN
                    RETURN ROW('expired', NULL, NULL, NULL)::{schema}.{table}_answer;
                ELSIF entry.state = 'a' THEN
                    RETURN ROW('abandoned', NULL, NULL, NULL)::{schema}.{table}_answer;
                ELSIF entry.state = 'c' AND entry.token <> its_token AND moment < entry.until AND entry.waited THEN
                    RETURN ROW(
                        'in_flight', NULL, (extract(epoch FROM entry.until - moment) * 1000000)::bigint, NULL
                    )::{schema}.{table}_answer;
                END IF;
            END IF;

            IF NOT locked THEN
                -- The answer writes: the same again, with the row locked.
                locked := true;
                CONTINUE;
            END IF;

            IF moment >= entry.forget_at THEN
                UPDATE {schema}.{table}
                SET until = moment + lease, forget_at = moment + lease + retention, sweep_at = moment + lease + retention,
                    attempt = 1, state = 'c', waited = false, token = its_token, fingerprint = its_fingerprint,
                    label = its_label, record = NULL
                WHERE address = its_address;
                PERFORM {schema}.{table}_tell(its_address, entry.waited);
                RETURN ROW('won', 1, NULL, NULL)::{schema}.{table}_answer;
            ELSIF entry.state = 'd' THEN
                UPDATE {schema}.{table} SET record = NULL, sweep_at = forget_at WHERE address = its_address;
                RETURN ROW('expired', NULL, NULL, NULL)::{schema}.{table}_answer;
            ELSIF entry.token = its_token THEN
                UPDATE {schema}.{table}
                SET until = moment + lease, forget_at = moment + lease + retention
                WHERE address = its_address;
                RETURN ROW('won', entry.attempt, NULL, NULL)::{schema}.{table}_answer;
            ELSIF moment < entry.until THEN
                UPDATE {schema}.{table} SET waited = true WHERE address = its_address;
                RETURN ROW(
                    'in_flight', NULL, (extract(epoch FROM entry.until - moment) * 1000000)::bigint, NULL
                )::{schema}.{table}_answer;
            ELSIF rerun THEN
                UPDATE {schema}.{table}
                SET until = moment + lease, forget_at = moment + lease + retention,
                    attempt = least(entry.attempt, 2147483646) + 1, waited = false, token = its_token,
                    label = CASE WHEN its_label = '' THEN label ELSE its_label END
                WHERE address = its_address;
                PERFORM {schema}.{table}_tell(its_address, entry.waited);
                RETURN ROW('won', least(entry.attempt, 2147483646) + 1, NULL, NULL)::{schema}.{table}_answer;
            ELSE
                UPDATE {schema}.{table} SET state = 'a' WHERE address = its_address;
                PERFORM {schema}.{table}_tell(its_address, entry.waited);
                RETURN ROW('abandoned', NULL, NULL, NULL)::{schema}.{table}_answer;
            END IF;
        END LOOP;
    END LOOP;
    RAISE EXCEPTION 'the entry came and went all the time' USING ERRCODE = 'serialization_failure';
END
$$;

CREATE FUNCTION {schema}.{table}_renew(its_address bytea, its_token bytea, lease interval)
RETURNS {schema}.{table}_answer
LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    UPDATE {schema}.{table}
    SET until = moment + lease, forget_at = forget_at + (moment + lease - until)
    WHERE address = its_address AND token = its_token AND state = 'c' AND moment < forget_at;
    RETURN ROW(CASE WHEN FOUND THEN 'renewed' ELSE 'fenced' END, NULL, NULL, NULL)::{schema}.{table}_answer;
END
$$;

-- Writes the record in place of the claim. Who comes too late is told what the winner recorded for
-- the same request.
CREATE FUNCTION {schema}.{table}_complete(
    its_address bytea, its_token bytea, its_fingerprint bytea, replay interval, remember interval, its_record bytea
) RETURNS {schema}.{table}_answer
LANGUAGE plpgsql AS $$
DECLARE
    entry  {schema}.{table}%ROWTYPE;
    moment timestamptz := clock_timestamp();
    told   boolean;
BEGIN
    -- Swept a little late rather than indexed anew.
    UPDATE {schema}.{table}
    SET until = moment + replay, forget_at = moment + replay + remember, state = 'd', record = its_record,
        sweep_at = CASE
            WHEN sweep_at BETWEEN moment + replay AND moment + replay + interval '5 minutes' THEN sweep_at
            ELSE moment + replay
        END
    WHERE address = its_address AND token = its_token AND state = 'c' AND moment < forget_at
    RETURNING waited INTO told;
    IF FOUND THEN
        PERFORM {schema}.{table}_tell(its_address, told);
        RETURN ROW('stored', NULL, NULL, NULL)::{schema}.{table}_answer;
    END IF;

    SELECT * INTO entry FROM {schema}.{table}
    WHERE address = its_address AND state = 'd' AND clock_timestamp() < forget_at;
    IF FOUND AND entry.token = its_token THEN
        RETURN ROW('stored', NULL, NULL, NULL)::{schema}.{table}_answer;
    ELSIF FOUND AND entry.fingerprint = its_fingerprint AND clock_timestamp() < entry.until THEN
        RETURN ROW('fenced', NULL, NULL, entry.record)::{schema}.{table}_answer;
    END IF;
    RETURN ROW('fenced', NULL, NULL, NULL)::{schema}.{table}_answer;
END
$$;

CREATE FUNCTION {schema}.{table}_release(its_address bytea, its_token bytea)
RETURNS {schema}.{table}_answer
LANGUAGE plpgsql AS $$
DECLARE
    told boolean;
BEGIN
    DELETE FROM {schema}.{table}
    WHERE address = its_address AND token = its_token AND state = 'c' AND clock_timestamp() < forget_at
    RETURNING waited INTO told;
    PERFORM {schema}.{table}_tell(its_address, told);
    RETURN ROW('released', NULL, NULL, NULL)::{schema}.{table}_answer;
END
$$;

-- Whether somebody who waits has to go on waiting. If so, the row is marked as waited for.
CREATE FUNCTION {schema}.{table}_look(its_address bytea)
RETURNS {schema}.{table}_answer
LANGUAGE plpgsql AS $$
DECLARE
    marked boolean;
BEGIN
    SELECT waited INTO marked FROM {schema}.{table}
    WHERE address = its_address AND state = 'c' AND clock_timestamp() < forget_at;
    IF FOUND AND NOT marked THEN
        UPDATE {schema}.{table} SET waited = true WHERE address = its_address AND state = 'c';
    END IF;
    RETURN ROW(CASE WHEN FOUND THEN 'claimed' ELSE 'changed' END, NULL, NULL, NULL)::{schema}.{table}_answer;
END
$$;
