-- A command by its key.
-- $1 uuid organisation
-- $2 uuid who asked
-- $3 text idempotency key
-- > id uuid
-- > request_hash bytea
-- > answer_status smallint
-- > answer jsonb
-- > overdue boolean
SELECT id, request_hash, answer_status, answer, coalesce(due_at <= now(), false) AS overdue
FROM calfleet.schedule_commands
WHERE organization_id = $1 AND user_id = $2 AND idempotency_key = $3
