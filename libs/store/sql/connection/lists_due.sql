-- Connections in these shards whose list of calendars is to be read, oldest first.
-- $1 smallint[] shards
-- $2 bigint how many at most
-- > id uuid
SELECT c.id
FROM public.ce_calendar_connections c JOIN calfleet.accounts a ON a.id = c.account_id
WHERE c.calendar_list_due_at <= now() AND c.sync_enabled AND c.status = 'active'
    AND a.shard = ANY ($1)
ORDER BY c.calendar_list_due_at
LIMIT $2
