-- A command is accepted; no row: the key is taken. Another one that is under way with the same key
-- is waited for.
-- $1 uuid command
-- $2 uuid organisation
-- $3 uuid who asks
-- $4 text idempotency key
-- $5 bytea hash of the request
-- $6 text kind
-- $7 jsonb the request, whole
-- $8 uuid the organiser's connection
-- $9 smallint shard
-- $10 bigint for how many ms nobody else takes it up
-- > id uuid
INSERT INTO calfleet.schedule_commands (id, organization_id, user_id, idempotency_key, request_hash,
    kind, request, connection_id, shard, attempts, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, now() + $10::bigint * interval '1 millisecond')
ON CONFLICT (organization_id, user_id, idempotency_key) DO NOTHING
RETURNING id
