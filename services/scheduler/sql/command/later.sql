-- A command waits: the provider is out of reach or asks for patience.
-- $1 uuid command
-- $2 integer attempts: the fence
-- $3 bigint for how many ms
-- $4 text why
UPDATE calfleet.schedule_commands
SET due_at = now() + $3::bigint * interval '1 millisecond', error = $4
WHERE id = $1 AND attempts = $2 AND finished_at IS NULL
