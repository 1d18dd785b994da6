-- Changes settings of the caller's own connection, and locks it: run as the caller. A trigger does
-- what pausing and resuming mean.
-- $1 uuid connection
-- $2 boolean sync_enabled; null: as it is
-- $3 text conflict_policy; null: as it is
-- > organization_id uuid
UPDATE public.ce_calendar_connections
SET sync_enabled = coalesce($2, sync_enabled), conflict_policy = coalesce($3, conflict_policy)
WHERE id = $1
RETURNING organization_id
