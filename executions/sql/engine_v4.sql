-- As finish_v2, and people are told by mail of a question that is asked again: it is a new one to them.
CREATE FUNCTION finish_v3(tenant uuid, execution uuid, my_fence bigint, outcome jsonb)
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
                expires_at = excluded.expires_at, decision = '', decided_by = '', decided_at = NULL, note = '',
                notify_at = excluded.notify_at;
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
