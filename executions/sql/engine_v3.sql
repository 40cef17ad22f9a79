-- Tools: a claim brings back what was begun and never ended; a run may wait for people, and goes on when they have
-- answered or their time is over.

-- As claim_v2, and tells the team. The journal also holds every tool step, whatever its state: one that was begun and not ended may have
-- changed the world.
CREATE FUNCTION claim_v3(worker text, lease interval, most integer)
RETURNS TABLE (execution_id uuid, tenant_id uuid, fence bigint, attempt integer, tries integer, resolved_spec jsonb, input jsonb,
               seconds_left double precision, journal jsonb, team_id uuid)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    next record;
    floor_time bigint;
BEGIN
    FOR place IN 1 .. most LOOP
        next := fairest_v2(place = 1);
        EXIT WHEN next.run_id IS NULL;

        -- A tenant that was idle joins at the present time of the busy ones; otherwise its old, low time would let it
        -- take every slot until it had caught up.
        SELECT min(s.virtual_time) INTO floor_time FROM executions_tenantslots s
        WHERE s.running > 0 AND s.id <> next.slot_id;
        UPDATE executions_tenantslots s
        SET running = s.running + 1, virtual_time = greatest(s.virtual_time, coalesce(floor_time, 0)) + 1
        WHERE s.id = next.slot_id;

        RETURN QUERY
        UPDATE executions_execution e
        SET status = 'running', owner = worker, lease_until = clock_timestamp() + lease, fence = e.fence + 1,
            event_seq = e.event_seq + 1, status_seq = e.event_seq + 1,
            started_at = coalesce(e.started_at, clock_timestamp()), not_before = NULL
        WHERE e.id = next.run_id
        RETURNING e.id, e.tenant_id, e.fence, e.attempt, e.tries, e.resolved_spec, e.input,
                  extract(epoch FROM e.deadline_at - clock_timestamp())::double precision,
                  CASE WHEN e.step_seq = 0 THEN '{}'::jsonb ELSE (
                      SELECT coalesce(jsonb_object_agg(st.key, jsonb_build_object(
                          'kind', st.kind, 'state', st.state, 'hash', st.request_hash, 'result', st.result,
                          'tokens_in', st.tokens_in, 'tokens_out', st.tokens_out, 'ms', st.ms,
                          'effects', st.effects, 'generation', st.generation)), '{}'::jsonb)
                      FROM executions_step st
                      WHERE st.execution_id = e.id AND (st.state = 'done' OR st.kind = 'tool')) END,
                  e.team_id;
    END LOOP;
END $$;

-- As finish_v1, and may ask people: with status 'waiting', `asks` become steps and approvals in the same transaction
-- that frees the slot, so that an approval is there to decide exactly when its run waits for it. A run that waits has
-- no deadline of its own; its approvals have.
-- ask: a step as record_v1 takes it, and {approval: {id, tool, args, args_hash, seconds}}. Asked again (a retry), the
-- same approval is put before people once more.
CREATE FUNCTION finish_v2(tenant uuid, execution uuid, my_fence bigint, outcome jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    news bigint;
    final boolean := outcome->>'status' IN ('succeeded', 'failed', 'cancelled');
    ask jsonb;
    wanted jsonb;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    IF outcome ? 'asks' THEN
        FOR ask IN SELECT jsonb_array_elements(outcome->'asks') LOOP
            PERFORM record_v1(tenant, execution, my_fence, ask);
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            wanted := ask->'approval';
            INSERT INTO executions_approval AS a (tenant_id, id, execution_id, step_key, tool, role, args, args_hash,
                asked_at, expires_at, decision, decided_by, note)
            VALUES (tenant, (wanted->>'id')::uuid, execution, wanted->>'step_key', wanted->>'tool',
                coalesce(ask->>'role', ''), wanted->'args', wanted->>'args_hash', clock_timestamp(),
                clock_timestamp() + make_interval(secs => (wanted->>'seconds')::double precision), '', '', '')
            ON CONFLICT (execution_id, step_key) DO UPDATE
            SET args = excluded.args, args_hash = excluded.args_hash, asked_at = excluded.asked_at,
                expires_at = excluded.expires_at, decision = '', decided_by = '', decided_at = NULL, note = '';
        END LOOP;
    END IF;
    UPDATE executions_execution e
    SET status = outcome->>'status', owner = '', lease_until = NULL,
        event_seq = e.event_seq + 1, status_seq = e.event_seq + 1,
        result = coalesce(nullif(outcome->'result', 'null'), e.result),
        display = coalesce(nullif(outcome->'display', 'null'), e.display),
        error = nullif(outcome->'error', 'null'), tries = coalesce((outcome->>'tries')::int, e.tries),
        not_before = clock_timestamp() + make_interval(secs => (outcome->>'retry_seconds')::double precision),
        deadline_at = CASE WHEN outcome->>'status' <> 'waiting' THEN e.deadline_at END,
        finished_at = CASE WHEN final THEN clock_timestamp() END
    WHERE e.id = execution AND e.fence = my_fence AND e.status = 'running'
    RETURNING e.event_seq INTO news;
    IF FOUND THEN
        UPDATE executions_tenantslots s SET running = greatest(s.running - 1, 0) WHERE s.tenant_id = tenant;
    END IF;
    RETURN news;
END $$;

-- Has this run a question that no person has answered? Then it goes on waiting.
CREATE FUNCTION asks_people_v1(execution uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM executions_approval a WHERE a.execution_id = execution AND a.decision = '')
        OR EXISTS (SELECT FROM executions_step s WHERE s.execution_id = execution AND s.state = 'unknown')
$$;

-- As reap_v1, after the approvals whose time is over: their runs go on without them, since the agent is told. A run that
-- went to wait gets `run_time` from now on for the rest of its way.
CREATE FUNCTION reap_v2(patience interval, lost_limit integer, run_time interval)
RETURNS TABLE (expired integer, quarantined integer, due integer, overdue integer, to_ring integer, undecided integer)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    late record;
    news bigint;
    given_up integer := 0;
BEGIN
    FOR late IN
        SELECT a.id, a.execution_id, a.step_key FROM executions_approval a
        JOIN executions_execution e ON e.id = a.execution_id
        WHERE a.decision = '' AND a.expires_at < moment
        ORDER BY a.execution_id, a.step_key FOR UPDATE OF e, a SKIP LOCKED
    LOOP
        UPDATE executions_approval a SET decision = 'expired', decided_by = 'system:reaper', decided_at = moment
        WHERE a.id = late.id;
        UPDATE executions_execution e SET event_seq = e.event_seq + 1 WHERE e.id = late.execution_id
        RETURNING e.event_seq INTO news;
        UPDATE executions_step s
        SET state = 'done', event_seq = news, updated_at = moment,
            result = jsonb_build_object('decision', 'expired', 'note', ''),
            display = coalesce(s.display, '{}'::jsonb) || jsonb_build_object('decision', 'expired')
        WHERE s.execution_id = late.execution_id AND s.key = late.step_key || '/approval';
        UPDATE executions_execution e
        SET status = 'queued', rung_at = to_timestamp(0), priority = greatest(e.priority, 50),
            deadline_at = moment + run_time, event_seq = e.event_seq + 1, status_seq = e.event_seq + 1
        WHERE e.id = late.execution_id AND e.status = 'waiting' AND NOT asks_people_v1(e.id);
        given_up := given_up + 1;
    END LOOP;
    RETURN QUERY SELECT r.expired, r.quarantined, r.due, r.overdue, r.to_ring, given_up FROM reap_v1(patience, lost_limit) r;
END $$;
