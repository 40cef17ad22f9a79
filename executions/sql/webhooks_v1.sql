-- What is told of runs is written here, in the transaction of the run's change of status, whoever makes it: finish, reap,
-- a person's cancel. The trigger's condition looks at the run's own row alone, so a run nobody is told of pays nothing.
-- Runs with the rights of the caller: under row level security in a worker, as atb_system in the reaper.
CREATE FUNCTION tell_webhooks_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO executions_delivery
        (id, tenant_id, webhook_id, execution_id, event, payload, status, tries, next_at, answer, error, created_at)
    SELECT gen_random_uuid(), NEW.tenant_id, w.id, NEW.id, 'run.' || NEW.status,
           jsonb_build_object(
               'type', 'run.' || NEW.status,
               'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               'data', jsonb_build_object(
                   'execution_id', NEW.id, 'team_id', NEW.team_id, 'version', NEW.version, 'status', NEW.status,
                   'source', NEW.source, 'attempt', NEW.attempt, 'error_code', NEW.error->>'code')),
           'pending', 0, clock_timestamp(), '', '', clock_timestamp()
    FROM executions_webhook w
    WHERE w.tenant_id = NEW.tenant_id AND w.enabled AND w.events ? ('run.' || NEW.status)
      AND (w.team_id IS NULL OR w.team_id = NEW.team_id) AND (w.execution_id IS NULL OR w.execution_id = NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER execution_tells AFTER UPDATE OF status ON executions_execution FOR EACH ROW
WHEN (NEW.has_webhooks AND NEW.status IS DISTINCT FROM OLD.status
      AND NEW.status NOT IN ('queued', 'running', 'retry_wait'))
EXECUTE FUNCTION tell_webhooks_v1();

-- Take up to `most` deliveries that are due, of all tenants, at most four of one webhook. A taken one is due again after
-- `lease`, in case its sender dies; `tries`, which rises here, tells a late sender that the delivery is no longer its own.
CREATE FUNCTION claim_deliveries_v1(most integer, lease interval)
RETURNS TABLE (tenant_id uuid, delivery_id uuid, tries integer)
LANGUAGE sql SECURITY DEFINER AS $$
    WITH due AS (
        SELECT d.id, d.webhook_id, d.next_at FROM executions_delivery d
        JOIN executions_webhook w ON w.id = d.webhook_id AND w.enabled
            AND (w.rest_until IS NULL OR w.rest_until <= statement_timestamp())
        WHERE d.status = 'pending' AND d.next_at <= statement_timestamp()
        ORDER BY d.next_at LIMIT 500
    ), placed AS (
        SELECT due.id, row_number() OVER (PARTITION BY due.webhook_id ORDER BY due.next_at) AS place FROM due
    ), ready AS (
        SELECT d.id FROM executions_delivery d JOIN placed ON placed.id = d.id AND placed.place <= 4
        WHERE d.status = 'pending' AND d.next_at <= statement_timestamp()
        ORDER BY d.next_at LIMIT most FOR UPDATE OF d SKIP LOCKED
    )
    UPDATE executions_delivery d SET tries = d.tries + 1, next_at = statement_timestamp() + lease
    FROM ready WHERE d.id = ready.id RETURNING d.tenant_id, d.id, d.tries
$$;
