-- How the queue is, over all tenants: counts and ages, for operators and /health. Read from the two partial indexes of
-- open runs, so that finished ones, however many, cost nothing.
-- overdue: leases that ended more than `grace` ago, so nobody reaps; unheard: queued and not rung for as long.
CREATE FUNCTION queue_v1(grace interval)
RETURNS TABLE (queued bigint, oldest_seconds double precision, running bigint, overdue bigint, unheard bigint,
               waiting bigint, rung_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT q.queued, q.oldest, o.running, o.overdue, q.unheard, o.waiting, least(q.rung, o.rung)
    FROM (
        SELECT count(*) AS queued,
               count(*) FILTER (WHERE coalesce(e.rung_at, e.created_at) < clock_timestamp() - grace) AS unheard,
               extract(epoch FROM clock_timestamp() - min(e.created_at))::double precision AS oldest,
               extract(epoch FROM clock_timestamp() - max(nullif(e.rung_at, to_timestamp(0))))::double precision AS rung
        FROM executions_execution e JOIN teams_tenant t ON t.id = e.tenant_id WHERE e.status = 'queued'
    ) q, (
        SELECT count(*) FILTER (WHERE e.status = 'running') AS running,
               count(*) FILTER (WHERE e.status = 'running' AND e.lease_until < clock_timestamp() - grace) AS overdue,
               count(*) FILTER (WHERE e.status = 'waiting') AS waiting,
               extract(epoch FROM clock_timestamp() - max(nullif(e.rung_at, to_timestamp(0))))::double precision AS rung
        FROM executions_execution e WHERE e.status IN ('running', 'retry_wait', 'waiting')
    ) o
$$;
