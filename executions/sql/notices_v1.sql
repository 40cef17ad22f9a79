-- Take up to `most` undecided approvals of waiting runs that people are still to be told of, of all tenants. One that is
-- taken comes again after `pause`, in case the mail cannot be sent; who has told of it sets notify_at to NULL.
CREATE FUNCTION claim_notices_v1(most integer, pause interval)
RETURNS TABLE (tenant_id uuid, approval_id uuid)
LANGUAGE sql SECURITY DEFINER AS $$
    WITH ready AS (
        SELECT a.id FROM executions_approval a
        JOIN executions_execution e ON e.id = a.execution_id AND e.status = 'waiting'
        WHERE a.decision = '' AND a.notify_at <= statement_timestamp()
        ORDER BY a.notify_at LIMIT most FOR UPDATE OF a SKIP LOCKED
    )
    UPDATE executions_approval a SET notify_at = statement_timestamp() + pause
    FROM ready WHERE a.id = ready.id RETURNING a.tenant_id, a.id
$$;
