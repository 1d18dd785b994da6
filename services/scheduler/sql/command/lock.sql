-- Holds a command until the transaction ends; no row: somebody else works on it, or it is done.
-- $1 uuid command
-- $2 integer attempts: the fence
-- > begun_at timestamptz
SELECT begun_at FROM calfleet.schedule_commands
WHERE id = $1 AND attempts = $2 AND finished_at IS NULL
FOR UPDATE
