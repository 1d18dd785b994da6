-- Commands that nobody works on any more, oldest first.
-- $1 smallint[] shards
-- $2 bigint how many at most
-- > id uuid
SELECT id FROM calfleet.schedule_commands
WHERE shard = ANY ($1) AND due_at <= now()
ORDER BY due_at
LIMIT $2
