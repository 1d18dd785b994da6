-- Locks a connection for a change of its calendars.
-- $1 uuid connection
-- > account_id uuid
-- > shard smallint
-- > sync_enabled boolean
SELECT c.account_id, a.shard, c.sync_enabled
FROM public.ce_calendar_connections c JOIN calfleet.accounts a ON a.id = c.account_id
WHERE c.id = $1
FOR NO KEY UPDATE OF c
