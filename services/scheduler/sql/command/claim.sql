-- Takes up a command that nobody works on any more: whoever did so before is fenced by `attempts`.
-- $1 uuid command
-- $2 bigint for how many ms nobody else takes it up
-- > attempts integer
UPDATE calfleet.schedule_commands
SET attempts = attempts + 1, due_at = now() + $2::bigint * interval '1 millisecond'
WHERE id = $1 AND due_at <= now()
RETURNING attempts
