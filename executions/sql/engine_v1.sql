-- The hot path of the engine: one round trip each, called in autocommit. The database's clock only.
-- claim, heartbeat, reap: SECURITY DEFINER, owned by atb_system: they look across tenants before a tenant is known.
-- record, finish: SECURITY INVOKER: they set the tenant for their own transaction and stay under row level security.

-- Claim the fairest claimable run. Locks one tenant's slots row, in order of virtual time, so that the count of
-- running runs cannot overshoot the limit; then takes that tenant's first run by priority and age.
-- Locked tenants are skipped first. When no other is left, the claim waits (milliseconds) for the fairest of them: with
-- one busy tenant, all other threads would otherwise see "nothing to do" and lose their permits. A tenant whose last
-- run is gone by the time its row is locked is passed over for the next one, and its row let go by rolling back to
-- before the lock: two claims that wait while they hold rows could wait for each other.
CREATE FUNCTION claim_v1(worker text, lease interval)
RETURNS TABLE (execution_id uuid, tenant_id uuid, fence bigint, attempt integer, tries integer, resolved_spec jsonb, input jsonb,
               seconds_left double precision, journal jsonb)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    slot record;
    run record;
    floor_time bigint;
    passed bigint[] := '{}';
    patient boolean := false;
BEGIN
    LOOP
        BEGIN
            IF patient THEN
                SELECT s.id, s.tenant_id INTO slot FROM executions_tenantslots s
                WHERE s.running < s."limit" AND s.id <> ALL (passed) AND claimable_v1(s.tenant_id)
                ORDER BY s.virtual_time, s.id LIMIT 1 FOR UPDATE;
            ELSE
                SELECT s.id, s.tenant_id INTO slot FROM executions_tenantslots s
                WHERE s.running < s."limit" AND s.id <> ALL (passed) AND claimable_v1(s.tenant_id)
                ORDER BY s.virtual_time, s.id LIMIT 1 FOR UPDATE SKIP LOCKED;
            END IF;
            IF slot.id IS NOT NULL THEN
                SELECT e.id INTO run FROM executions_execution e
                WHERE e.tenant_id = slot.tenant_id AND e.status = 'queued'
                ORDER BY e.priority DESC, e.created_at LIMIT 1 FOR UPDATE SKIP LOCKED;
                IF run.id IS NULL THEN
                    RAISE SQLSTATE 'ATB01';
                END IF;
            END IF;
        EXCEPTION WHEN SQLSTATE 'ATB01' THEN
            passed := passed || slot.id;
            CONTINUE;
        END;
        EXIT WHEN slot.id IS NOT NULL;
        IF patient THEN
            RETURN;
        END IF;
        patient := true;
    END LOOP;

    -- A tenant that was idle joins at the present time of the busy ones; otherwise its old, low time would let it
    -- take every slot until it had caught up.
    SELECT min(s.virtual_time) INTO floor_time FROM executions_tenantslots s WHERE s.running > 0 AND s.id <> slot.id;
    UPDATE executions_tenantslots s
    SET running = s.running + 1, virtual_time = greatest(s.virtual_time, coalesce(floor_time, 0)) + 1
    WHERE s.id = slot.id;

    RETURN QUERY
    UPDATE executions_execution e
    SET status = 'running', owner = worker, lease_until = clock_timestamp() + lease, fence = e.fence + 1,
        event_seq = e.event_seq + 1, status_seq = e.event_seq + 1,
        started_at = coalesce(e.started_at, clock_timestamp()), not_before = NULL
    WHERE e.id = run.id
    RETURNING e.id, e.tenant_id, e.fence, e.attempt, e.tries, e.resolved_spec, e.input,
              extract(epoch FROM e.deadline_at - clock_timestamp())::double precision,
              (SELECT coalesce(jsonb_object_agg(st.key, jsonb_build_object(
                  'kind', st.kind, 'hash', st.request_hash, 'result', st.result, 'tokens_in', st.tokens_in,
                  'tokens_out', st.tokens_out, 'ms', st.ms)), '{}'::jsonb)
               FROM executions_step st WHERE st.execution_id = e.id AND st.state = 'done');
END $$;

-- Has this tenant a run that may start now? Apart from claim so that both passes ask the same thing. Only queued runs
-- count: what is due again (an expired lease, a retry whose time has come) is queued by reap, so that the claim reads
-- one index.
CREATE FUNCTION claimable_v1(tenant uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM executions_execution e WHERE e.tenant_id = tenant AND e.status = 'queued')
       AND EXISTS (SELECT 1 FROM teams_tenant t WHERE t.id = tenant AND t.is_active)
$$;

-- Record a step under the fence and settle its tokens and cost. The UPDATE of the run row comes first: it is the
-- fence (its row lock waits for, or beats, a rival's claim; INSERT ... SELECT WHERE fence = mine would not) and hands
-- out the numbers. No row back means: this run is no longer yours, stop.
-- step: {key, kind, state, role, round, turn, request_hash, request, result, display, effects, tokens_in, tokens_out,
--        cost, cost_known, ms, error}
CREATE FUNCTION record_v1(tenant uuid, execution uuid, my_fence bigint, step jsonb)
RETURNS TABLE (seq bigint, event_seq bigint, cancel_requested boolean)
LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    run record;
    known record;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT s.seq, s.event_seq, s.state, s.fence INTO known
    FROM executions_step s WHERE s.execution_id = execution AND s.key = step->>'key';
    IF known.state = 'done' AND known.fence = my_fence AND step->>'state' = 'done' THEN
        -- The same write again: its first answer was lost with a broken connection. Settling it twice would count
        -- tokens twice.
        RETURN QUERY SELECT known.seq, known.event_seq, e.cancel_requested FROM executions_execution e
        WHERE e.id = execution AND e.fence = my_fence AND e.status = 'running';
        RETURN;
    END IF;
    UPDATE executions_execution e
    SET event_seq = e.event_seq + 1,
        step_seq = e.step_seq + CASE WHEN known.seq IS NULL THEN 1 ELSE 0 END,
        tokens_in = e.tokens_in + coalesce((step->>'tokens_in')::bigint, 0),
        tokens_out = e.tokens_out + coalesce((step->>'tokens_out')::bigint, 0),
        -- one unknown price makes the total unknown: a number would be too low and look exact
        cost = CASE WHEN (step->>'cost_known')::boolean IS FALSE THEN NULL
                    ELSE e.cost + coalesce((step->>'cost')::numeric, 0) END,
        ms = e.ms + coalesce((step->>'ms')::bigint, 0)
    WHERE e.id = execution AND e.fence = my_fence AND e.status = 'running'
    RETURNING e.event_seq, e.step_seq, e.attempt, e.cancel_requested INTO run;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    IF known.seq IS NOT NULL THEN
        UPDATE executions_step s
        SET state = step->>'state', event_seq = run.event_seq, fence = my_fence, attempt = run.attempt,
            request_hash = coalesce(step->>'request_hash', s.request_hash), request = coalesce(nullif(step->'request', 'null'), s.request),
            result = nullif(step->'result', 'null'), display = nullif(step->'display', 'null'),
            error = nullif(step->'error', 'null'),
            tokens_in = (step->>'tokens_in')::bigint, tokens_out = (step->>'tokens_out')::bigint,
            cost = (step->>'cost')::numeric, ms = (step->>'ms')::bigint, updated_at = clock_timestamp()
        WHERE s.execution_id = execution AND s.key = step->>'key';
        RETURN QUERY SELECT known.seq, run.event_seq, run.cancel_requested;
        RETURN;
    END IF;

    INSERT INTO executions_step (tenant_id, execution_id, seq, event_seq, key, kind, state, role, round, turn, request_hash,
        request, result, display, fence, attempt, generation, effects, tokens_in, tokens_out, cost, ms, error,
        created_at, updated_at)
    VALUES (tenant, execution, run.step_seq, run.event_seq, step->>'key', step->>'kind', step->>'state',
        coalesce(step->>'role', ''), coalesce((step->>'round')::int, 0), coalesce((step->>'turn')::int, 0),
        coalesce(step->>'request_hash', ''), nullif(step->'request', 'null'), nullif(step->'result', 'null'),
        nullif(step->'display', 'null'), my_fence, run.attempt, 0,
        coalesce(step->>'effects', ''), (step->>'tokens_in')::bigint, (step->>'tokens_out')::bigint,
        (step->>'cost')::numeric, (step->>'ms')::bigint, nullif(step->'error', 'null'), clock_timestamp(), clock_timestamp());
    RETURN QUERY SELECT run.step_seq, run.event_seq, run.cancel_requested;
END $$;

-- End, release or park a run under the fence, and give its tenant's slot back. Returns the event number, or null when
-- the run is no longer yours. outcome: {status, result, display, error, retry_seconds, tries}
CREATE FUNCTION finish_v1(tenant uuid, execution uuid, my_fence bigint, outcome jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    news bigint;
    final boolean := outcome->>'status' IN ('succeeded', 'failed', 'cancelled');
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    UPDATE executions_execution e
    SET status = outcome->>'status', owner = '', lease_until = NULL,
        event_seq = e.event_seq + 1, status_seq = e.event_seq + 1,
        result = coalesce(nullif(outcome->'result', 'null'), e.result),
        display = coalesce(nullif(outcome->'display', 'null'), e.display),
        error = nullif(outcome->'error', 'null'), tries = coalesce((outcome->>'tries')::int, e.tries),
        not_before = clock_timestamp() + make_interval(secs => (outcome->>'retry_seconds')::double precision),
        finished_at = CASE WHEN final THEN clock_timestamp() END
    WHERE e.id = execution AND e.fence = my_fence AND e.status = 'running'
    RETURNING e.event_seq INTO news;
    IF FOUND THEN
        UPDATE executions_tenantslots s SET running = greatest(s.running - 1, 0) WHERE s.tenant_id = tenant;
    END IF;
    RETURN news;
END $$;

-- Renew the leases of the runs this worker says it holds, in one statement; write its beat. Only of those: a run whose
-- thread has stopped (fenced, or died) would otherwise be renewed for ever and never run again.
-- beat: {host, pid, slots, running, draining, held: [execution id, ...]}
CREATE FUNCTION heartbeat_v1(worker text, lease interval, beat jsonb)
RETURNS TABLE (execution_id uuid, fence bigint, cancel_requested boolean)
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO executions_worker AS w (id, host, pid, slots, running, started_at, beat_at, draining)
    VALUES (worker, beat->>'host', (beat->>'pid')::int, (beat->>'slots')::int, (beat->>'running')::int,
            clock_timestamp(), clock_timestamp(), (beat->>'draining')::boolean)
    ON CONFLICT (id) DO UPDATE SET running = excluded.running, beat_at = excluded.beat_at, draining = excluded.draining;
    RETURN QUERY
    UPDATE executions_execution e SET lease_until = clock_timestamp() + lease
    WHERE e.owner = worker AND e.status = 'running'
      AND e.id = ANY (ARRAY(SELECT jsonb_array_elements_text(beat->'held'))::uuid[])
    RETURNING e.id, e.fence, e.cancel_requested;
END $$;

-- What the reaper does each second. Expired leases go back to the queue, ahead of it, or to quarantine after the last
-- allowed lost worker; retries whose time has come are queued; deadlines end open runs. `to_ring` says how many permits
-- to send: runs that have waited longer than `patience` since their last ring, at most one for each free slot of the
-- live workers and of their tenant (ringing each queued run again and again would flood the broker while the queue is
-- merely long, and a permit that finds nothing it may claim is wasted).
CREATE FUNCTION reap_v1(patience interval, lost_limit integer)
RETURNS TABLE (expired integer, quarantined integer, due integer, overdue integer, to_ring integer)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    free bigint;
BEGIN
    WITH lost AS (
        SELECT e.id FROM executions_execution e
        WHERE e.status = 'running' AND e.lease_until < moment FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE executions_execution e
        SET recovery_count = e.recovery_count + 1, owner = '', lease_until = NULL, rung_at = to_timestamp(0),
            priority = greatest(e.priority, 100),
            status = CASE WHEN e.recovery_count + 1 >= lost_limit THEN 'quarantined' ELSE 'queued' END,
            error = CASE WHEN e.recovery_count + 1 >= lost_limit THEN jsonb_build_object(
                'code', 'quarantined', 'message', format('%s workers were lost while they held this run', e.recovery_count + 1)) END,
            event_seq = e.event_seq + 1, status_seq = e.event_seq + 1
        FROM lost WHERE e.id = lost.id RETURNING e.tenant_id, e.status
    ), freed AS (
        UPDATE executions_tenantslots s SET running = greatest(s.running - m.n, 0)
        FROM (SELECT moved.tenant_id, count(*)::int AS n FROM moved GROUP BY moved.tenant_id) m
        WHERE s.tenant_id = m.tenant_id RETURNING 1
    )
    SELECT count(*) FILTER (WHERE moved.status = 'queued'), count(*) FILTER (WHERE moved.status = 'quarantined')
    INTO expired, quarantined FROM moved;

    WITH ready AS (
        SELECT e.id FROM executions_execution e
        WHERE e.status = 'retry_wait' AND e.not_before <= moment FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE executions_execution e
        SET status = 'queued', not_before = NULL, rung_at = to_timestamp(0), priority = greatest(e.priority, 50),
            event_seq = e.event_seq + 1, status_seq = e.event_seq + 1
        FROM ready WHERE e.id = ready.id RETURNING 1
    )
    SELECT count(*) INTO due FROM moved;

    WITH late AS (
        SELECT e.id, e.status = 'running' AS held FROM executions_execution e
        WHERE e.status IN ('queued', 'running', 'waiting', 'retry_wait') AND e.deadline_at < moment
        FOR UPDATE SKIP LOCKED
    ), ended AS (
        UPDATE executions_execution e
        SET status = 'failed', owner = '', lease_until = NULL, finished_at = moment,
            error = jsonb_build_object('code', 'deadline_exceeded', 'message', 'the run did not finish before its deadline'),
            event_seq = e.event_seq + 1, status_seq = e.event_seq + 1
        FROM late WHERE e.id = late.id RETURNING e.tenant_id, late.held
    ), freed AS (
        UPDATE executions_tenantslots s SET running = greatest(s.running - m.n, 0)
        FROM (SELECT ended.tenant_id, count(*)::int AS n FROM ended WHERE ended.held GROUP BY ended.tenant_id) m
        WHERE s.tenant_id = m.tenant_id RETURNING 1
    )
    SELECT count(*) INTO overdue FROM ended;

    SELECT coalesce(sum(w.slots), 0) - (SELECT count(*) FROM executions_execution e WHERE e.status = 'running')
    INTO free FROM executions_worker w WHERE w.beat_at > moment - interval '15 seconds' AND NOT w.draining;
    WITH unheard AS (
        SELECT e.id, e.priority, e.created_at, s."limit" - s.running AS room,
               row_number() OVER (PARTITION BY e.tenant_id ORDER BY e.priority DESC, e.created_at) AS place
        FROM executions_execution e
        JOIN executions_tenantslots s ON s.tenant_id = e.tenant_id
        JOIN teams_tenant t ON t.id = e.tenant_id AND t.is_active
        WHERE e.status = 'queued' AND s.running < s."limit" AND coalesce(e.rung_at, e.created_at) < moment - patience
    ), called AS (
        SELECT u.id FROM unheard u WHERE u.place <= u.room
        ORDER BY u.priority DESC, u.created_at LIMIT greatest(free, 0)
    ), rung AS (
        UPDATE executions_execution e SET rung_at = moment FROM called WHERE e.id = called.id RETURNING 1
    )
    SELECT count(*) INTO to_ring FROM rung;
    RETURN NEXT;
END $$;
