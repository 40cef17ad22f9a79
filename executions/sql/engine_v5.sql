-- A cancel holds whatever becomes of the run meanwhile, one row that somebody keeps locked holds up nothing else, and a
-- run that gets on between the workers it loses is not what takes them down.

-- As finish_v3, but a run whose cancel was asked for in its last call neither waits nor goes back to the queue: nobody
-- would be told of the cancel until it is claimed again, and by then its next call has begun.
CREATE FUNCTION finish_v4(tenant uuid, execution uuid, my_fence bigint, outcome jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    cancelled boolean;
BEGIN
    IF outcome->>'status' NOT IN ('succeeded', 'failed', 'cancelled') THEN
        PERFORM set_config('app.tenant_id', tenant::text, true);
        SELECT e.cancel_requested INTO cancelled FROM executions_execution e
        WHERE e.id = execution AND e.fence = my_fence AND e.status = 'running' FOR UPDATE;
        IF cancelled THEN
            RETURN finish_v3(tenant, execution, my_fence, jsonb_build_object('status', 'cancelled'));
        END IF;
    END IF;
    RETURN finish_v3(tenant, execution, my_fence, outcome);
END $$;

-- As reap_v2, after two kinds of runs whose worker was lost. One whose cancel it did not see any more ends here. And
-- workers are counted against a run only since its last recorded answer of a model: the one that wrote it and those after
-- it. Whoever shares a worker with a run that kills it would otherwise be quarantined beside it. `recovery_count` goes on
-- counting them all.
CREATE FUNCTION reap_v3(patience interval, lost_limit integer, run_time interval)
RETURNS TABLE (expired integer, quarantined integer, due integer, overdue integer, to_ring integer, undecided integer,
               cancelled integer)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    spared integer;
    stopped integer;
BEGIN
    WITH lost AS (
        SELECT e.id FROM executions_execution e
        WHERE e.status = 'running' AND e.lease_until < moment
          AND (e.cancel_requested
               OR e.recovery_count + 1 >= lost_limit
                  -- a fence for each claim: so many were lost since
                  AND e.fence + 1 - lost_limit < (SELECT max(s.fence) FROM executions_step s
                                                  WHERE s.execution_id = e.id AND s.kind = 'llm' AND s.state = 'done'))
        FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE executions_execution e
        SET owner = '', lease_until = NULL, recovery_count = e.recovery_count + 1, error = NULL,
            event_seq = e.event_seq + 1, status_seq = e.event_seq + 1,
            status = CASE WHEN e.cancel_requested THEN 'cancelled' ELSE 'queued' END,
            finished_at = CASE WHEN e.cancel_requested THEN moment END,
            rung_at = CASE WHEN e.cancel_requested THEN e.rung_at ELSE to_timestamp(0) END,
            priority = CASE WHEN e.cancel_requested THEN e.priority ELSE greatest(e.priority, 100) END
        FROM lost WHERE e.id = lost.id RETURNING e.tenant_id, e.status
    ), freed AS (
        UPDATE executions_tenantslots s SET running = greatest(s.running - m.n, 0)
        FROM (SELECT moved.tenant_id, count(*)::int AS n FROM moved GROUP BY moved.tenant_id) m
        WHERE s.tenant_id = m.tenant_id RETURNING 1
    )
    SELECT count(*) FILTER (WHERE moved.status = 'queued'), count(*) FILTER (WHERE moved.status = 'cancelled')
    INTO spared, stopped FROM moved;
    RETURN QUERY
    SELECT r.expired + spared, r.quarantined, r.due, r.overdue, r.to_ring, r.undecided, stopped
    FROM reap_v2(patience, lost_limit, run_time) r;
END $$;

-- As heartbeat_v1, but a row that another session has locked is waited for a moment, not without end: a session that was
-- cut off or paused in the middle of a change would otherwise take all leases of this worker with its one run.
-- What could not be renewed and is still this worker's comes back with `renewed` false.
CREATE FUNCTION heartbeat_v2(worker text, lease interval, beat jsonb)
RETURNS TABLE (execution_id uuid, fence bigint, cancel_requested boolean, renewed boolean)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    held uuid[] := ARRAY(SELECT jsonb_array_elements_text(beat->'held'))::uuid[];
    done uuid[];
BEGIN
    INSERT INTO executions_worker AS w (id, host, pid, slots, running, started_at, beat_at, draining)
    VALUES (worker, beat->>'host', (beat->>'pid')::int, (beat->>'slots')::int, (beat->>'running')::int,
            clock_timestamp(), clock_timestamp(), (beat->>'draining')::boolean)
    ON CONFLICT (id) DO UPDATE SET running = excluded.running, beat_at = excluded.beat_at, draining = excluded.draining;

    WITH free AS MATERIALIZED (
        SELECT e.id FROM executions_execution e
        WHERE e.owner = worker AND e.status = 'running' AND e.id = ANY (held) FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE executions_execution e SET lease_until = clock_timestamp() + lease FROM free WHERE e.id = free.id
        RETURNING e.id
    )
    SELECT coalesce(array_agg(moved.id), '{}') INTO done FROM moved;
    IF cardinality(done) < cardinality(held) THEN
        -- Ended meanwhile, or locked: mostly for the moment that a record takes.
        BEGIN
            PERFORM set_config('lock_timeout', '300ms', true);
            WITH moved AS (
                UPDATE executions_execution e SET lease_until = clock_timestamp() + lease
                WHERE e.owner = worker AND e.status = 'running' AND e.id = ANY (held) AND e.id <> ALL (done)
                RETURNING e.id
            )
            SELECT done || coalesce(array_agg(moved.id), '{}') INTO done FROM moved;
        EXCEPTION WHEN lock_not_available THEN
            NULL;  -- the next beat tries again
        END;
    END IF;
    RETURN QUERY
    SELECT e.id, e.fence, e.cancel_requested, e.id = ANY (done) FROM executions_execution e
    WHERE e.owner = worker AND e.status = 'running' AND e.id = ANY (held);
END $$;
