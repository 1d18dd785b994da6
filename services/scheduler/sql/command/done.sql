-- A command is at its end, with the answer that every repetition gets.
-- $1 uuid command
-- $2 text state: done, refused or abandoned
-- $3 smallint status
-- $4 jsonb answer
-- $5 text error; null: none
-- $6 boolean the key is free again: what stood in the way may pass
-- > answer jsonb
UPDATE calfleet.schedule_commands
SET state = $2, answer_status = $3, answer = $4, error = $5, finished_at = now(), due_at = NULL,
    idempotency_key = CASE WHEN $6 THEN idempotency_key || ' ' || id ELSE idempotency_key END
WHERE id = $1
RETURNING answer
