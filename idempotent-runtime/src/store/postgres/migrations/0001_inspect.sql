-- Version 1, continued: looking at entries, and forgetting one.

-- Makes the address of an entry vacant that nobody runs, if it is the one that is meant, and
-- completed if it was meant so. Its steps have addresses that begin with the same 16 bytes, and go
-- too, but none that is claimed while its lease runs.
CREATE FUNCTION {schema}.{table}_forget(its_address bytea, its_token bytea, completed boolean)
RETURNS {schema}.{table}_answer
LANGUAGE plpgsql AS $$
DECLARE
    entry     {schema}.{table}%ROWTYPE;
    gone      record;
    moment    timestamptz;
    beginning CONSTANT bytea := substr(its_address, 1, 16);
    ending    CONSTANT bytea := beginning || decode(repeat('ff', 16), 'hex');
BEGIN
    -- All of them, in the order in which calls that go together lock theirs.
    PERFORM FROM {schema}.{table} WHERE address >= beginning AND address <= ending ORDER BY address FOR UPDATE;
    SELECT * INTO entry FROM {schema}.{table} WHERE address = its_address;
    moment := clock_timestamp();
    IF entry.address IS NULL OR moment >= entry.forget_at THEN
        RETURN ROW('vacant', NULL, NULL, NULL)::{schema}.{table}_answer;
    ELSIF entry.state NOT IN ('c', 'd', 'a') THEN
        RETURN ROW('unreadable', NULL, NULL, NULL)::{schema}.{table}_answer;
    ELSIF entry.token <> its_token OR (entry.state = 'd') <> completed THEN
        RETURN ROW('another', NULL, NULL, NULL)::{schema}.{table}_answer;
    ELSIF entry.state = 'c' AND moment < entry.until THEN
        RETURN ROW(
            'running', NULL, (extract(epoch FROM entry.until - moment) * 1000000)::bigint, NULL
        )::{schema}.{table}_answer;
    END IF;
    FOR gone IN
        DELETE FROM {schema}.{table} AS beneath
        WHERE beneath.address >= beginning AND beneath.address <= ending
            AND (beneath.state <> 'c' OR moment >= beneath.until)
        RETURNING beneath.address, beneath.waited
    LOOP
        PERFORM {schema}.{table}_tell(gone.address, gone.waited);
    END LOOP;
    RETURN ROW('done', NULL, NULL, NULL)::{schema}.{table}_answer;
END
$$;

-- What is known of an entry. Times are told in microseconds from now on, and may be over. Takes no
-- lock, and waits for none.
CREATE FUNCTION {schema}.{table}_inspect(its_address bytea)
RETURNS TABLE (
    its_token bytea, its_state text, its_attempt integer, its_left bigint, its_kept bigint, its_label bytea,
    its_fingerprint bytea, its_record bytea
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    SELECT entry.token, entry.state::text, entry.attempt,
        (extract(epoch FROM entry.until - moment) * 1000000)::bigint,
        (extract(epoch FROM entry.forget_at - moment) * 1000000)::bigint,
        entry.label, entry.fingerprint, entry.record
    FROM {schema}.{table} AS entry
    WHERE entry.address = its_address AND moment < entry.forget_at;
END
$$;

-- The next `most` rows in the order in which they are swept, behind the place that is named in
-- microseconds and by an address; of each its place, and the rest only where it waits for an
-- operator: its lease has run out, or it is completed with the record `unknown`. There is no index
-- of those, since a completion would have to write it. Takes no lock, and waits for none.
CREATE FUNCTION {schema}.{table}_stuck(after_place bigint, after_address bytea, most integer, unknown bytea)
RETURNS TABLE (
    its_place bigint, its_address bytea, its_token bytea, its_state text, its_attempt integer, its_left bigint,
    its_kept bigint, its_label bytea, its_fingerprint bytea
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    since  CONSTANT timestamptz := timestamptz 'epoch' + after_place * interval '1 microsecond';
BEGIN
    RETURN QUERY
    SELECT (extract(epoch FROM entry.sweep_at) * 1000000)::bigint, entry.address, entry.token,
        CASE
            WHEN moment >= entry.forget_at THEN NULL
            WHEN entry.state = 'a' OR (entry.state = 'c' AND moment >= entry.until) THEN entry.state::text
            WHEN entry.state = 'd' AND moment < entry.until AND entry.record = unknown THEN 'd'
        END,
        entry.attempt,
        (extract(epoch FROM entry.until - moment) * 1000000)::bigint,
        (extract(epoch FROM entry.forget_at - moment) * 1000000)::bigint,
        entry.label, entry.fingerprint
    FROM {schema}.{table} AS entry
    WHERE entry.sweep_at >= since AND (entry.sweep_at > since OR entry.address > after_address)
    ORDER BY entry.sweep_at, entry.address
    LIMIT most;
END
$$;
