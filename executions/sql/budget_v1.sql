-- Money and tokens: what a run with a budget has used, and what a tenant with limits uses in a day. Called in autocommit,
-- one round trip each, for limited runs alone. SECURITY INVOKER: they set the tenant for their own transaction and stay
-- under row level security. A day is UTC's.

-- What a run may use and has used, by its own rows: asked once each time it is claimed. Steps are calls to models and
-- tools; a model call that failed is made again under its key, so it does not count.
CREATE FUNCTION spent_v1(tenant uuid, execution uuid)
RETURNS TABLE (budget jsonb, tokens bigint, usd numeric, steps bigint, ms bigint, tenant_limited boolean)
LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    RETURN QUERY
    SELECT e.budget, e.tokens_in + e.tokens_out, coalesce(s.usd, 0), coalesce(s.steps, 0), e.ms,
           EXISTS (SELECT 1 FROM executions_tenantlimits l WHERE l.tenant_id = tenant)
    FROM executions_execution e
    LEFT JOIN LATERAL (
        SELECT sum(st.cost) AS usd,
               count(*) FILTER (WHERE st.kind = 'tool' OR (st.state = 'done' AND (st.kind = 'llm' OR st.tokens_in IS NOT NULL)))
               AS steps
        FROM executions_step st WHERE st.execution_id = e.id
    ) s ON true
    WHERE e.id = execution AND e.tenant_id = tenant;
END $$;

-- Set aside what a call may take of the tenant's day. The upsert is the check: its row lock makes calls of one tenant
-- take turns, and its WHERE sees what the one before left, so any number of calls at once stay within the limit.
-- No row: the tenant has no such limit. `refused` names the limit that has no room for it; null: it is set aside.
CREATE FUNCTION reserve_day_v1(tenant uuid, want_tokens bigint, want_usd numeric)
RETURNS TABLE (reserved_day date, refused text, allowed numeric, used numeric)
LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    most_tokens bigint;
    most_usd numeric;
    known record;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT least(l.tokens_per_day, l.most_tokens_per_day), least(l.usd_per_day, l.most_usd_per_day)
    INTO most_tokens, most_usd FROM executions_tenantlimits l WHERE l.tenant_id = tenant;
    IF most_tokens IS NULL AND most_usd IS NULL THEN
        RETURN;
    END IF;
    IF most_usd IS NULL OR want_usd IS NOT NULL THEN
        INSERT INTO executions_tenantday AS d (tenant_id, day, tokens_used, tokens_reserved, usd_used, usd_reserved, runs)
        SELECT tenant, today, 0, want_tokens, 0, coalesce(want_usd, 0), 0
        WHERE (most_tokens IS NULL OR want_tokens <= most_tokens) AND (most_usd IS NULL OR want_usd <= most_usd)
        ON CONFLICT (tenant_id, day) DO UPDATE
        SET tokens_reserved = d.tokens_reserved + excluded.tokens_reserved,
            usd_reserved = d.usd_reserved + excluded.usd_reserved
        WHERE (most_tokens IS NULL OR d.tokens_used + d.tokens_reserved + want_tokens <= most_tokens)
          AND (most_usd IS NULL OR d.usd_used + d.usd_reserved + want_usd <= most_usd);
        IF FOUND THEN
            RETURN QUERY SELECT today, NULL::text, NULL::numeric, NULL::numeric;
            RETURN;
        END IF;
    END IF;
    SELECT coalesce(sum(d.tokens_used + d.tokens_reserved), 0) AS tokens, coalesce(sum(d.usd_used + d.usd_reserved), 0) AS usd
    INTO known FROM executions_tenantday d WHERE d.tenant_id = tenant AND d.day = today;
    IF most_tokens IS NOT NULL AND known.tokens + want_tokens > most_tokens THEN
        RETURN QUERY SELECT NULL::date, 'tokens_per_day', most_tokens::numeric, known.tokens::numeric;
    ELSE
        RETURN QUERY SELECT NULL::date, 'usd_per_day', most_usd, known.usd::numeric;
    END IF;
END $$;

-- Put what a call took in the place of what was set aside for it, on the day it was set aside.
CREATE FUNCTION settle_day_v1(tenant uuid, on_day date, had_tokens bigint, had_usd numeric, took_tokens bigint, took_usd numeric)
RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    UPDATE executions_tenantday d
    SET tokens_reserved = greatest(d.tokens_reserved - had_tokens, 0), tokens_used = d.tokens_used + took_tokens,
        usd_reserved = greatest(d.usd_reserved - coalesce(had_usd, 0), 0), usd_used = d.usd_used + coalesce(took_usd, 0)
    WHERE d.tenant_id = tenant AND d.day = on_day;
END $$;

-- Count a run that is being accepted; called in the transaction that stores it. Null: there is room for it, or no limit;
-- else how many runs a day the tenant may start.
CREATE FUNCTION admit_run_v1(tenant uuid) RETURNS integer
LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    most integer;
BEGIN
    SELECT least(l.runs_per_day, l.most_runs_per_day) INTO most FROM executions_tenantlimits l WHERE l.tenant_id = tenant;
    IF most IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO executions_tenantday AS d (tenant_id, day, tokens_used, tokens_reserved, usd_used, usd_reserved, runs)
    SELECT tenant, today, 0, 0, 0, 0, 1 WHERE most > 0
    ON CONFLICT (tenant_id, day) DO UPDATE SET runs = d.runs + 1 WHERE d.runs < most;
    RETURN CASE WHEN FOUND THEN NULL ELSE most END;
END $$;
