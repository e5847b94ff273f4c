-- Version 1, continued: ending an entry by hand.

-- Ends an entry that nobody runs. An outcome of NULL makes its address vacant; a record is replaced
-- only by whoever says that it is `instead_of`.
CREATE FUNCTION {schema}.{table}_resolve(
    its_address bytea, its_token bytea, instead_of bytea, outcome bytea
) RETURNS {schema}.{table}_answer
LANGUAGE plpgsql AS $$
DECLARE
    entry  {schema}.{table}%ROWTYPE;
    moment timestamptz;
BEGIN
    SELECT * INTO entry FROM {schema}.{table} WHERE address = its_address FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ROW('vacant', NULL, NULL, NULL)::{schema}.{table}_answer;
    END IF;
    moment := clock_timestamp();
    IF moment >= entry.forget_at THEN
        RETURN ROW('vacant', NULL, NULL, NULL)::{schema}.{table}_answer;
    ELSIF entry.state NOT IN ('c', 'd', 'a') THEN
        RETURN ROW('unreadable', NULL, NULL, NULL)::{schema}.{table}_answer;
    ELSIF entry.state = 'c' AND moment < entry.until THEN
        RETURN ROW(
            'running', NULL, (extract(epoch FROM entry.until - moment) * 1000000)::bigint, NULL
        )::{schema}.{table}_answer;
    ELSIF entry.state = 'd' AND (moment >= entry.until OR entry.record IS NULL) THEN
        RETURN ROW('expired', NULL, NULL, NULL)::{schema}.{table}_answer;
    ELSIF entry.state = 'd' AND entry.token = its_token THEN
        RETURN ROW('done', NULL, NULL, NULL)::{schema}.{table}_answer;
    ELSIF entry.state = 'd' AND entry.record IS DISTINCT FROM instead_of THEN
        RETURN ROW('completed', NULL, NULL, entry.record)::{schema}.{table}_answer;
    END IF;

    IF outcome IS NULL THEN
        DELETE FROM {schema}.{table} WHERE address = its_address;
    ELSE
        UPDATE {schema}.{table}
        SET until = CASE WHEN entry.state = 'd' THEN until ELSE forget_at END,
            state = 'd', token = its_token, record = outcome
        WHERE address = its_address;
    END IF;
    PERFORM {schema}.{table}_tell(its_address, entry.waited);
    RETURN ROW('done', NULL, NULL, NULL)::{schema}.{table}_answer;
END
$$;
