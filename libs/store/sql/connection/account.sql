-- The account of a connection.
-- $1 uuid connection
-- > account_id uuid
-- > shard smallint
SELECT c.account_id, a.shard
FROM public.ce_calendar_connections c JOIN calfleet.accounts a ON a.id = c.account_id
WHERE c.id = $1
