-- What is due in these shards, oldest first. Nothing is locked or marked: a row stays due until a
-- run moves it.
-- $1 smallint[] shards
-- $2 bigint how many rows at most
-- > calendar_id bigint
-- > account_id uuid
-- > shard smallint
-- > due_reason text
-- > organization_id uuid
SELECT k.id AS calendar_id, k.account_id, k.shard, k.due_reason, c.organization_id
FROM calfleet.calendars k
JOIN public.ce_calendar_connections c ON c.id = k.connection_id
WHERE k.shard = ANY ($1) AND k.due_at <= now()
ORDER BY k.due_at
LIMIT $2
