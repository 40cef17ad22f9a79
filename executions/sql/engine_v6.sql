-- A run that gets on between the workers it loses is not what takes them down.

-- As reap_v3, but workers are counted against a run only since its last recorded answer of a model: the one that wrote
-- it and those after it. Whoever shares a worker with a run that kills it would otherwise be quarantined
-- beside it. `recovery_count` goes on counting them all.
CREATE FUNCTION reap_v4(patience interval, lost_limit integer, run_time interval)
RETURNS TABLE (expired integer, quarantined integer, due integer, overdue integer, to_ring integer, undecided integer,
               cancelled integer)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    spared integer;
BEGIN
    WITH lost AS (
        SELECT e.id FROM executions_execution e
        WHERE e.status = 'running' AND e.lease_until < moment AND NOT e.cancel_requested
          AND e.recovery_count + 1 >= lost_limit
          -- a fence for each claim: so many were lost since
          AND e.fence + 1 - lost_limit < (SELECT max(s.fence) FROM executions_step s
                                          WHERE s.execution_id = e.id AND s.kind = 'llm' AND s.state = 'done')
        FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE executions_execution e
        SET status = 'queued', recovery_count = e.recovery_count + 1, owner = '', lease_until = NULL,
            rung_at = to_timestamp(0), priority = greatest(e.priority, 100), error = NULL,
            event_seq = e.event_seq + 1, status_seq = e.event_seq + 1
        FROM lost WHERE e.id = lost.id RETURNING e.tenant_id
    ), freed AS (
        UPDATE executions_tenantslots s SET running = greatest(s.running - m.n, 0)
        FROM (SELECT moved.tenant_id, count(*)::int AS n FROM moved GROUP BY moved.tenant_id) m
        WHERE s.tenant_id = m.tenant_id RETURNING 1
    )
    SELECT count(*) INTO spared FROM moved;
    RETURN QUERY
    SELECT r.expired + spared, r.quarantined, r.due, r.overdue, r.to_ring, r.undecided, r.cancelled
    FROM reap_v3(patience, lost_limit, run_time) r;
END $$;
