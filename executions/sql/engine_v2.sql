-- Claiming several runs in one transaction: one commit, one round trip. Called for the permits a worker has in hand.

-- The fairest claimable run: locks one tenant's slots row, in order of virtual time, so that the count of running runs
-- cannot overshoot the limit; then that tenant's first run by priority and age. Null when there is none.
-- Rows locked by others are skipped. With `may_wait` there is a second pass, which waits (milliseconds) for the fairest
-- tenant: with one busy tenant, all other workers would otherwise see "nothing to do" and lose their permits. A tenant
-- whose last run is gone by the time its row is locked is passed over for the next one, and its row let go by rolling
-- back to before the lock: two claims that wait while they hold rows could wait for each other.
CREATE FUNCTION fairest_v2(may_wait boolean, OUT slot_id bigint, OUT run_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    tenant uuid;
    passed bigint[] := '{}';
    patient boolean := false;
BEGIN
    LOOP
        BEGIN
            IF patient THEN
                SELECT s.id, s.tenant_id INTO slot_id, tenant FROM executions_tenantslots s
                WHERE s.running < s."limit" AND s.id <> ALL (passed) AND claimable_v1(s.tenant_id)
                ORDER BY s.virtual_time, s.id LIMIT 1 FOR UPDATE;
            ELSE
                SELECT s.id, s.tenant_id INTO slot_id, tenant FROM executions_tenantslots s
                WHERE s.running < s."limit" AND s.id <> ALL (passed) AND claimable_v1(s.tenant_id)
                ORDER BY s.virtual_time, s.id LIMIT 1 FOR UPDATE SKIP LOCKED;
            END IF;
            IF slot_id IS NOT NULL THEN
                SELECT e.id INTO run_id FROM executions_execution e
                WHERE e.tenant_id = tenant AND e.status = 'queued'
                ORDER BY e.priority DESC, e.created_at LIMIT 1 FOR UPDATE SKIP LOCKED;
                IF run_id IS NULL THEN
                    RAISE SQLSTATE 'ATB01';
                END IF;
            END IF;
        EXCEPTION WHEN SQLSTATE 'ATB01' THEN
            passed := passed || slot_id;
            CONTINUE;
        END;
        EXIT WHEN slot_id IS NOT NULL OR patient OR NOT may_wait;
        patient := true;
    END LOOP;
END $$;

-- Claim up to `most` runs, one after the other, so that busy tenants take turns within a claim as well. Only the first
-- may wait for a tenant's row: from then on this transaction holds some itself.
CREATE FUNCTION claim_v2(worker text, lease interval, most integer)
RETURNS TABLE (execution_id uuid, tenant_id uuid, fence bigint, attempt integer, tries integer, resolved_spec jsonb, input jsonb,
               seconds_left double precision, journal jsonb)
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
                          'kind', st.kind, 'hash', st.request_hash, 'result', st.result, 'tokens_in', st.tokens_in,
                          'tokens_out', st.tokens_out, 'ms', st.ms)), '{}'::jsonb)
                      FROM executions_step st WHERE st.execution_id = e.id AND st.state = 'done') END;
    END LOOP;
END $$;
