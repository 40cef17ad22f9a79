-- A cancel holds whatever becomes of the run meanwhile, and one row that somebody keeps locked holds up nothing else.

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

-- As reap_v2, after the runs whose worker was lost before it saw their cancel: they end here.
CREATE FUNCTION reap_v3(patience interval, lost_limit integer, run_time interval)
RETURNS TABLE (expired integer, quarantined integer, due integer, overdue integer, to_ring integer, undecided integer,
               cancelled integer)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    stopped integer;
BEGIN
    WITH lost AS (
        SELECT e.id FROM executions_execution e
        WHERE e.status = 'running' AND e.lease_until < moment AND e.cancel_requested FOR UPDATE SKIP LOCKED
    ), ended AS (
        UPDATE executions_execution e
        SET status = 'cancelled', owner = '', lease_until = NULL, recovery_count = e.recovery_count + 1, error = NULL,
            finished_at = moment, event_seq = e.event_seq + 1, status_seq = e.event_seq + 1
        FROM lost WHERE e.id = lost.id RETURNING e.tenant_id
    ), freed AS (
        UPDATE executions_tenantslots s SET running = greatest(s.running - m.n, 0)
        FROM (SELECT ended.tenant_id, count(*)::int AS n FROM ended GROUP BY ended.tenant_id) m
        WHERE s.tenant_id = m.tenant_id RETURNING 1
    )
    SELECT count(*) INTO stopped FROM ended;
    RETURN QUERY
    SELECT r.expired, r.quarantined, r.due, r.overdue, r.to_ring, r.undecided, stopped
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
