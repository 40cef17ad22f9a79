-- Questions that must be answered before a scope can be open: whose key is this, where is this user a member?
-- SECURITY DEFINER, owned by atb_system (teams/rls.py hands them over): each returns only what its caller needs.

CREATE FUNCTION api_key_lookup_v1(key_prefix text)
RETURNS TABLE (id uuid, tenant_id uuid, tenant_slug text, tenant_active boolean, digest bytea, scopes jsonb,
               expires_at timestamptz, revoked_at timestamptz, stale boolean)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT k.id, k.tenant_id, t.slug::text, t.is_active, k.digest, k.scopes, k.expires_at, k.revoked_at,
           -- last_used_at is written at most once a minute: one row update a minute, not one a request
           k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute'
    FROM teams_apikey k JOIN teams_tenant t ON t.id = k.tenant_id
    WHERE k.prefix = key_prefix
$$;

CREATE FUNCTION memberships_of_v1(member integer)
RETURNS TABLE (tenant_id uuid, slug text, name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT m.tenant_id, t.slug::text, t.name::text, m.role::text
    FROM teams_membership m JOIN teams_tenant t ON t.id = m.tenant_id
    WHERE m.user_id = member AND t.is_active ORDER BY t.slug
$$;
