-- Schedules whose time has come, of all tenants, the longest due first. Each is then locked and fired in the scope of its
-- tenant; a tenant that is switched off is among them, so that its schedules can say why nothing ran.
CREATE FUNCTION due_schedules_v1(most integer)
RETURNS TABLE (tenant_id uuid, slug text, schedule_id uuid, moment timestamptz)
LANGUAGE sql SECURITY DEFINER AS $$
    SELECT s.tenant_id, t.slug::text, s.id, statement_timestamp()
    FROM executions_schedule s JOIN teams_tenant t ON t.id = s.tenant_id
    WHERE s.enabled AND s.next_at <= statement_timestamp()
    ORDER BY s.next_at LIMIT most
$$;
