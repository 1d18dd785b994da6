-- The oldest last good read among the chosen calendars; null until each was read once.
-- $1 uuid[] connections
UPDATE public.ce_calendar_connections c
SET last_sync_at = r.read_at
FROM (SELECT k.connection_id,
          CASE WHEN bool_and(k.last_read_at IS NOT NULL) THEN min(k.last_read_at) END AS read_at
      FROM calfleet.calendars k
      WHERE k.connection_id = ANY ($1) AND k.synced
      GROUP BY k.connection_id) r
WHERE c.id = r.connection_id AND c.last_sync_at IS DISTINCT FROM r.read_at
