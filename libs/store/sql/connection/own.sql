-- The caller's own connections: run as the caller, so that row-level security decides.
-- $1 uuid only this one; null: all
-- $2 uuid only this organisation's; null: all
-- > id uuid
-- > organization_id uuid
-- > provider text
-- > account_email text
-- > status text
-- > status_reason text
-- > sync_enabled boolean
-- > conflict_policy text
-- > last_sync_at timestamptz
-- > created_at timestamptz
SELECT id, organization_id, provider, account_email, status, status_reason, sync_enabled,
    conflict_policy, last_sync_at, created_at
FROM public.ce_calendar_connections
WHERE ($1::uuid IS NULL OR id = $1) AND ($2::uuid IS NULL OR organization_id = $2)
ORDER BY created_at, id
LIMIT 200
