-- The caller's connections and their calendars to write to, narrowed by what the request names.
-- $1 uuid user
-- $2 uuid organisation; null: any
-- $3 uuid connection; null: any
-- $4 bigint calendar; null: the primary one
-- > connection_id uuid
-- > organization_id uuid
-- > status text
-- > sync_enabled boolean
-- > provider text
-- > calendar_id bigint
-- > time_zone text
-- > access_role text
-- > synced boolean
SELECT c.id AS connection_id, c.organization_id, c.status, c.sync_enabled, c.provider,
    k.id AS calendar_id, k.time_zone, k.access_role, k.synced
FROM public.ce_calendar_connections c
LEFT JOIN calfleet.calendars k
    ON k.connection_id = c.id AND CASE WHEN $4::bigint IS NULL THEN k.is_primary ELSE k.id = $4 END
WHERE c.user_id = $1 AND c.status <> 'disconnecting'
    AND ($2::uuid IS NULL OR c.organization_id = $2) AND ($3::uuid IS NULL OR c.id = $3)
    AND ($4::bigint IS NULL OR k.id IS NOT NULL)
ORDER BY c.created_at, c.id
LIMIT 2
