-- Version 1, continued: completing a claim within a transaction of the application's own.

-- The record is written where the claim was, if it still stands, and is there when the
-- application's transaction commits. Plans as the calls do: whatever the application's session has
-- set does not count.
CREATE FUNCTION {schema}.{table}_complete_within(
    its_address bytea, its_token bytea, its_fingerprint bytea, replay bigint, remember bigint, its_record bytea
) RETURNS {schema}.{table}_answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    micro CONSTANT interval := interval '1 microsecond';
BEGIN
    RETURN {schema}.{table}_complete(
        its_address, its_token, its_fingerprint, replay * micro, remember * micro, its_record);
END
$$;
