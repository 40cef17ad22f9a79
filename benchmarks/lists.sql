-- A platform in full use: 5,000 teams, 200,000 runs with 260,000 steps, 50,000 audit entries, 200 tenants and 2,000
-- users. Nineteen of twenty rows are the demo tenant's. For the superuser; triggers and foreign keys are left out, since
-- the rows fit by being made of each other. `random()` begins at the same place each time.
SET session_replication_role = replica;
SELECT setseed(0.5);

UPDATE auth_user SET is_superuser = true WHERE username = 'demo';

INSERT INTO teams_tenant (id, slug, name, is_active, default_model, platform_keys, created_at)
SELECT gen_random_uuid(), 'tenant-' || n, 'Tenant ' || n, true, '', 'allowed', now() - n * interval '1 day'
FROM generate_series(1, 199) n;

INSERT INTO auth_user (username, password, first_name, last_name, email, is_staff, is_active, is_superuser, date_joined)
SELECT 'user-' || n, '!', '', '', 'user-' || n || '@example.com', true, true, false, now() - n * interval '1 hour'
FROM generate_series(1, 2000) n;

CREATE TEMP TABLE demo AS SELECT id FROM teams_tenant WHERE slug = 'demo';
CREATE TEMP TABLE other AS SELECT id FROM teams_tenant WHERE slug = 'tenant-1';
CREATE TEMP TABLE owner AS
SELECT n, CASE WHEN n % 20 = 0 THEN (SELECT id FROM other) ELSE (SELECT id FROM demo) END AS tenant_id
FROM generate_series(1, 200000) n;

INSERT INTO teams_membership (tenant_id, user_id, role, notify_approvals, created_at)
SELECT o.tenant_id, u.id, (ARRAY['viewer', 'operator', 'admin'])[1 + u.id % 3], false, now() - o.n * interval '1 hour'
FROM auth_user u JOIN owner o ON u.username = 'user-' || o.n;

-- --- teams and their versions; the first team has 300 ---

CREATE TEMP TABLE team AS
SELECT n, gen_random_uuid() AS id, tenant_id, 1 + (random() < 0.2)::int * (1 + (random() * 4)::int) AS version,
       now() - (5000 - n) * interval '25 minutes' AS made,
       (ARRAY['Release notes', 'Support triage', 'Market scan', 'Code review', 'Contract check'])[1 + n % 5] || ' ' || n
           AS name
FROM owner WHERE n <= 5000;
UPDATE team SET version = 300 WHERE n = 1;

INSERT INTO teams_team (id, tenant_id, name, config, config_hash, version, is_deleted, deleted_at, created_at, updated_at,
                        pending_proposal)
SELECT id, tenant_id, name,
       jsonb_set(current_setting('benchmark.team')::jsonb, '{agent_team_main_goal}', to_jsonb('Write about ' || name)),
       md5(n::text), version, n % 25 = 3, CASE WHEN n % 25 = 3 THEN made END, made, made + interval '1 hour',
       CASE WHEN n % 100 = 7 THEN jsonb_build_object('id', gen_random_uuid(), 'version', version, 'additions', '[]'::jsonb)
       END
FROM team;

INSERT INTO teams_historicalteam (id, tenant_id, name, config, config_hash, version, is_deleted, created_at, updated_at,
                                  history_date, history_type, actor, makes_version, additions)
SELECT t.id, t.tenant_id, t.name, t.config, t.config_hash, v, false, t.created_at, t.created_at + v * interval '1 minute',
       t.created_at + v * interval '1 minute', CASE v WHEN 1 THEN '+' ELSE '~' END, 'user:user-' || 1 + v % 50, true, '[]'
FROM teams_team t, generate_series(1, t.version) v WHERE t.id IN (SELECT id FROM team);

-- --- runs and their steps: a few teams run often, most seldom ---

CREATE TEMP TABLE run AS
SELECT o.n, gen_random_uuid() AS id, t.tenant_id, t.id AS team_id, random() AS luck,
       now() - interval '90 days' * power(1 - o.n / 200000.0, 1.5) AS made
FROM owner o
JOIN LATERAL (SELECT CASE WHEN o.n % 20 = 0 THEN 20 * (1 + (o.n / 20) % 250) ELSE 1 + floor(4980 * power(random(), 4))::int
              END AS k) k ON true
JOIN team t ON t.n = k.k + CASE WHEN o.n % 20 <> 0 AND k.k % 20 = 0 THEN 1 ELSE 0 END;

INSERT INTO executions_execution (
    id, tenant_id, team_id, version, resolved_spec, input, idempotency_hash, source, actor, priority, status, owner, fence,
    attempt, tries, recovery_count, cancel_requested, step_seq, event_seq, status_seq, result, display, error, tokens_in,
    tokens_out, cost, ms, created_at, started_at, finished_at, deadline_at)
SELECT id, tenant_id, team_id, 1,
       jsonb_build_object('goal', 'g', 'agents',
                          (SELECT jsonb_agg(md5(n::text || i) || md5(i || n::text)) FROM generate_series(1, 10) i)),
       to_jsonb('Question ' || n || ' about a release, with what a person adds to it.'), '',
       (ARRAY['api', 'admin', 'schedule', 'api'])[1 + n % 4],
       CASE WHEN n % 3 = 0 THEN 'key:abcdef' ELSE 'user:user-' || 1 + n % 50 END, 0, status, '', 1,
       1, 0, 0, false, 4, 9, 9,
       CASE WHEN status = 'succeeded' THEN jsonb_build_object('final_answer', repeat(md5(n::text), 6)) END,
       CASE WHEN status = 'succeeded' THEN jsonb_build_object('final_answer', repeat(md5(n::text), 6)) END,
       CASE WHEN status IN ('failed', 'quarantined', 'budget_exceeded')
            THEN jsonb_build_object('code', 'model_error', 'message', 'The provider answered 500, three times.') END,
       900 + n % 500, 200 + n % 100, 0.0004 * (1 + n % 9), 4000 + n % 3000, made, made + interval '1 second',
       CASE WHEN status NOT IN ('queued', 'running', 'waiting') THEN made + (5 + n % 60) * interval '1 second' END,
       made + interval '1 day'
FROM (SELECT *, CASE WHEN n > 199000 THEN CASE WHEN n > 199950 THEN 'running' ELSE 'queued' END
                     WHEN n > 196000 AND n % 3 = 0 THEN 'waiting'
                     WHEN luck < 0.04 THEN 'failed' WHEN luck < 0.05 THEN 'cancelled' WHEN luck < 0.053 THEN 'quarantined'
                     WHEN luck < 0.056 THEN 'budget_exceeded' ELSE 'succeeded' END AS status FROM run) r
ORDER BY n;

INSERT INTO executions_step (
    tenant_id, execution_id, seq, event_seq, key, kind, state, role, round, turn, request_hash, request, result, display,
    fence, attempt, generation, effects, tokens_in, tokens_out, cost, ms, created_at, updated_at)
SELECT tenant_id, id, s, s, 'r1/Writer/llm' || s, CASE s WHEN 2 THEN 'tool' ELSE 'llm' END,
       CASE WHEN n > 196000 AND n % 300 = 0 AND s = 1 THEN 'unknown' WHEN luck < 0.04 THEN 'failed' ELSE 'done' END,
       'Writer', 1, s, md5(n::text), jsonb_build_object('messages', md5(n::text)),
       jsonb_build_object('message', repeat(md5(s || n::text), 8)),
       jsonb_build_object('message', repeat(md5(s || n::text), 8)),
       1, 1, 0, '', 900, 200, 0.0004, 800, made + s * interval '1 second', made + s * interval '1 second'
FROM run, generate_series(1, CASE WHEN n % 10 = 0 THEN 4 ELSE 1 END) s
ORDER BY n, s;

-- Each waiting run waits for a decision; others did.
INSERT INTO executions_approval (id, tenant_id, execution_id, step_key, tool, role, args, args_hash, asked_at, expires_at,
                                 decision, decided_by, decided_at, note)
SELECT gen_random_uuid(), r.tenant_id, r.id, 'r1/Writer/tool0', 'Call_Web_API', 'Writer',
       '{"url": "https://example.com/x", "method": "POST"}', '', r.made, r.made + interval '7 days',
       CASE WHEN e.status = 'waiting' THEN '' ELSE 'approved' END,
       CASE WHEN e.status = 'waiting' THEN '' ELSE 'user:user-7' END,
       CASE WHEN e.status <> 'waiting' THEN r.made END, ''
FROM run r JOIN executions_execution e ON e.id = r.id WHERE e.status = 'waiting' OR (n > 150000 AND n % 10 = 1);

-- --- what listens, and what begins by the clock ---

CREATE TEMP TABLE hook AS SELECT n, gen_random_uuid() AS id, tenant_id FROM owner WHERE n <= 300;
INSERT INTO executions_webhook (id, tenant_id, name, url, events, enabled, secret, failures, note, created_by, created_at,
                                updated_at, team_id)
SELECT h.id, h.tenant_id, 'Listener ' || h.n, 'https://example.com/hook/' || h.n, '["run.failed"]', true, '', 0, '',
       'user:demo', now(), now(), t.id
FROM hook h LEFT JOIN team t ON t.n = h.n AND h.n % 2 = 0;
INSERT INTO executions_delivery (id, tenant_id, webhook_id, execution_id, event, payload, status, tries, answer, error,
                                 created_at, ms, answer_status)
SELECT gen_random_uuid(), r.tenant_id, h.id, r.id, 'run.failed', jsonb_build_object('id', r.id, 'pad', repeat('x', 400)),
       (ARRAY['delivered', 'delivered', 'failed', 'pending'])[1 + r.n % 4], 1, '', '', r.made, 80, 200
FROM run r JOIN hook h ON h.tenant_id = r.tenant_id
    AND h.n = CASE WHEN r.n % 20 = 0 THEN 20 ELSE 1 + r.n % 19 END
WHERE r.n > 190000;
INSERT INTO executions_schedule (id, tenant_id, name, team_id, cron, time_zone, overlap, enabled, last_outcome, last_error,
                                 created_by, created_at, updated_at, next_at)
SELECT gen_random_uuid(), tenant_id, 'Each morning ' || n, id, '0 9 * * *', 'UTC', 'skip', n % 5 > 0, 'started', '',
       'user:demo', now(), now(), now() + interval '1 day'
FROM team WHERE n <= 3000;

-- --- access, agents, audit ---

INSERT INTO teams_apikey (id, tenant_id, name, prefix, digest, scopes, created_by, created_at, revoked_at, last_used_at)
SELECT gen_random_uuid(), tenant_id, 'Service ' || n, 'p' || n, decode(md5(n::text), 'hex'), '["teams:read"]', 'user:demo',
       now() - n * interval '1 hour', CASE WHEN n % 3 = 0 THEN now() END, now()
FROM owner WHERE n <= 3000;
INSERT INTO agents_roletemplate (id, tenant_id, role, name, personality, prompt, tools, updated_at)
SELECT gen_random_uuid(), tenant_id, 'Role ' || n, '', '', repeat('You check and say why. ', 40), '[]', now()
FROM owner WHERE n <= 1000;
INSERT INTO agents_toolcredential (id, tenant_id, name, tool, header, scheme, value, ends_with, hosts, enabled, note,
                                   updated_at)
SELECT gen_random_uuid(), tenant_id, 'Tracker ' || n, 'Call_Web_API', 'Authorization', 'Bearer', '', '1234',
       '["example.com"]', true, '', now()
FROM owner WHERE n <= 1000;
INSERT INTO agents_provideraccount (id, tenant_id, provider, api_key, ends_with, base_url, enabled, note, revision,
                                    updated_at)
SELECT gen_random_uuid(), id, 'openai', '', '1234', '', true, '', 1, now() FROM teams_tenant;
INSERT INTO executions_tenantslots (tenant_id, running, "limit", virtual_time)
SELECT id, 0, 8, 0 FROM teams_tenant ON CONFLICT DO NOTHING;
INSERT INTO executions_tenantlimits (id, tenant_id, usd_per_day, updated_at)
SELECT gen_random_uuid(), id, 50, now() FROM teams_tenant ON CONFLICT DO NOTHING;
INSERT INTO executions_worker (id, host, pid, slots, running, started_at, beat_at, draining)
SELECT 'host-' || n || ':1', 'host-' || n, 1, 128, 0, now() - n * interval '1 hour', now() - n * interval '1 hour', true
FROM generate_series(1, 300) n;

INSERT INTO teams_auditentry (tenant_id, at, actor, action, object_type, object_id, before, after, reason)
SELECT t.tenant_id, now() - (50000 - o.n) * interval '150 seconds',
       CASE WHEN o.n % 4 = 0 THEN 'key:abcdef' ELSE 'user:user-' || 1 + o.n % 50 END,
       (ARRAY['team.update', 'team.create', 'team.rename', 'execution.cancel', 'execution.retry'])[1 + o.n % 5],
       CASE WHEN o.n % 5 > 2 THEN 'execution' ELSE 'team' END,
       CASE WHEN o.n % 5 > 2 THEN r.id ELSE t.id END::text, jsonb_build_object('version', 1, 'name', 'old'),
       jsonb_build_object('version', 2, 'name', t.name, 'attempt', 2), CASE WHEN o.n % 7 = 0 THEN 'asked for by ' || o.n
       ELSE '' END
FROM owner o JOIN team t ON t.n = 1 + o.n % 5000 JOIN run r ON r.n = o.n WHERE o.n <= 50000 ORDER BY o.n;
INSERT INTO teams_auditseal (tenant_id, horizon, entries, digest, sealed_at)
SELECT tenant_id, 1000000000 + n, 5, repeat(md5(n::text), 2), now() - (5000 - n) * interval '20 minutes' FROM owner WHERE n <= 5000;

SET session_replication_role = DEFAULT;
