-- What a scrape of /metrics asks: how many runs are open, and how long the oldest of them has been. Counts alone; with
-- `by_tenant` under the tenants' slugs. Two halves, so that each is answered from a partial index and finished runs,
-- however many, are never read.
CREATE FUNCTION metrics_v1(by_tenant boolean)
RETURNS TABLE (tenant text, status text, runs bigint, oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT found.tenant, found.status, count(*), extract(epoch FROM clock_timestamp() - min(found.created_at))::double precision
    FROM (
        SELECT CASE WHEN by_tenant THEN t.slug::text ELSE '' END AS tenant, e.status::text AS status, e.created_at
        FROM executions_execution e JOIN teams_tenant t ON t.id = e.tenant_id WHERE e.status = 'queued'
        UNION ALL
        SELECT CASE WHEN by_tenant THEN t.slug::text ELSE '' END, e.status::text, e.created_at
        FROM executions_execution e JOIN teams_tenant t ON t.id = e.tenant_id
        WHERE e.status IN ('running', 'retry_wait', 'waiting')
    ) found
    GROUP BY found.tenant, found.status
$$;
