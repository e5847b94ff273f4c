-- Version 1, continued: calls that go together, and what is done with what is forgotten.

-- One call, by its verb. Durations are in microseconds. In the place of its record a claim brings its
-- label.
CREATE FUNCTION {schema}.{table}_call(
    verb text, its_address bytea, its_token bytea, its_fingerprint bytea,
    first bigint, second bigint, rerun boolean, its_record bytea
) RETURNS {schema}.{table}_answer
LANGUAGE plpgsql AS $$
DECLARE
    micro CONSTANT interval := interval '1 microsecond';
BEGIN
    CASE verb
        WHEN 'claim' THEN
            RETURN {schema}.{table}_claim(
                its_address, its_token, its_fingerprint, first * micro, second * micro, rerun, its_record);
        WHEN 'complete' THEN
            RETURN {schema}.{table}_complete(
                its_address, its_token, its_fingerprint, first * micro, second * micro, its_record);
        WHEN 'renew' THEN
            RETURN {schema}.{table}_renew(its_address, its_token, first * micro);
        WHEN 'release' THEN
            RETURN {schema}.{table}_release(its_address, its_token);
        WHEN 'resolve' THEN
            RETURN {schema}.{table}_resolve(
                its_address, its_token,
                CASE WHEN first >= 0 THEN substr(its_record, 1, first::integer) END,
                CASE WHEN NOT rerun THEN substr(its_record, greatest(first, 0)::integer + 1) END);
        WHEN 'forget' THEN
            RETURN {schema}.{table}_forget(its_address, its_token, first = 1);
        WHEN 'look' THEN
            RETURN {schema}.{table}_look(its_address);
    END CASE;
END
$$;

-- What holds for the transaction of every statement that brings calls. Where it need not be
-- `durable`, the commit does not wait for the disk: what a crash of the server takes is claims of
-- transactions that it takes as well.
CREATE FUNCTION {schema}.{table}_prepare(durable boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'idempotency keys are decided under READ COMMITTED only, not %',
            upper(current_setting('transaction_isolation'))
        USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF NOT durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
END
$$;

-- One call in a statement of its own, planned as those of {table}_calls are. Where a lock is not to
-- be had in a tenth of a second, the statement fails, and nothing is done.
CREATE FUNCTION {schema}.{table}_alone(
    verb text, its_address bytea, its_token bytea, its_fingerprint bytea,
    first bigint, second bigint, rerun boolean, its_record bytea, durable boolean
) RETURNS {schema}.{table}_answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
SET lock_timeout = '100ms'
AS $$
BEGIN
    PERFORM {schema}.{table}_prepare(durable);
    RETURN {schema}.{table}_call(
        verb, its_address, its_token, its_fingerprint, first, second, rerun, its_record);
END
$$;

-- Any number of calls in one statement, which is one transaction. Rows are locked in the order of
-- their addresses, so that two batches never wait for each other; calls for one address keep their
-- order. Never plans to read the whole table, however small it was when the plan was made.
--
-- `wait` is NULL: all is done, or nothing is where a lock is not to be had in a tenth of a second.
-- Otherwise each call is done by itself, waits for locks for at most `wait` milliseconds, and is
-- answered `locked` if that was not enough; so are the calls for the same address after it, at
-- once. One for which the disk has no room is answered `full`. Each is a subtransaction then, which
-- the whole server pays for, so that is asked for where it has to be.
--
-- Ends when it has answered with 4 MiB of records: the calls that are left without an answer have
-- not been looked at.
CREATE FUNCTION {schema}.{table}_calls(
    verbs text[], addresses bytea[], tokens bytea[], fingerprints bytea[],
    firsts bigint[], seconds bigint[], reruns boolean[], records bytea[], wait integer, durable boolean
) RETURNS TABLE (place bigint, said text, attempt integer, micros bigint, record bytea)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
SET lock_timeout = '100ms'
AS $$
DECLARE
    one    record;
    answer {schema}.{table}_answer;
    locked bytea;
    bytes  bigint := 0;
BEGIN
    PERFORM {schema}.{table}_prepare(durable);
    IF wait IS NOT NULL THEN
        PERFORM set_config('lock_timeout', greatest(wait, 1)::text, true);
    END IF;
    FOR one IN
        SELECT * FROM unnest(verbs, addresses, tokens, fingerprints, firsts, seconds, reruns, records)
            WITH ORDINALITY AS calls (verb, address, token, fingerprint, first, second, rerun, record, place)
        ORDER BY calls.address, calls.place
    LOOP
        EXIT WHEN bytes >= 4194304;
        IF wait IS NULL THEN
            answer := {schema}.{table}_call(
                one.verb, one.address, one.token, one.fingerprint, one.first, one.second, one.rerun, one.record);
        ELSIF one.address = locked THEN
            answer := ROW('locked', NULL, NULL, NULL)::{schema}.{table}_answer;
        ELSE
            BEGIN
                answer := {schema}.{table}_call(
                    one.verb, one.address, one.token, one.fingerprint, one.first, one.second, one.rerun, one.record);
            EXCEPTION WHEN lock_not_available THEN
                locked := one.address;
                answer := ROW('locked', NULL, NULL, NULL)::{schema}.{table}_answer;
            WHEN disk_full THEN
                answer := ROW('full', NULL, NULL, NULL)::{schema}.{table}_answer;
            END;
        END IF;
        place := one.place;
        said := answer.said;
        attempt := answer.attempt;
        micros := answer.micros;
        record := answer.record;
        bytes := bytes + coalesce(octet_length(record), 0);
        RETURN NEXT;
    END LOOP;
END
$$;

-- Deletes what is forgotten and drops the records that are not replayed any more, in at most `most`
-- rows, the oldest first; says how many rows that were. Rows that somebody else has locked are left
-- for the next time. NULL where another node sweeps.
CREATE FUNCTION {schema}.{table}_sweep(most integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    swept  bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(1768189039, '{schema}.{table}'::regclass::oid::integer) THEN
        RETURN NULL;
    END IF;
    WITH due AS MATERIALIZED (
        SELECT address, moment >= forget_at AS forgotten FROM {schema}.{table}
        WHERE sweep_at <= moment ORDER BY sweep_at LIMIT most FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM {schema}.{table} AS entry USING due
        WHERE entry.address = due.address AND due.forgotten
        RETURNING 1
    ), kept AS (
        UPDATE {schema}.{table} AS entry
        SET record = CASE WHEN entry.state = 'd' AND moment >= entry.until THEN NULL ELSE entry.record END,
            sweep_at = CASE WHEN entry.state = 'd' AND moment < entry.until THEN entry.until ELSE entry.forget_at END
        FROM due
        WHERE entry.address = due.address AND NOT due.forgotten
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM kept) INTO swept;
    RETURN swept;
END
$$;
