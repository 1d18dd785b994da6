-- A purge that failed waits.
-- $1 bigint purge
-- $2 bigint how many ms
-- $3 text stable code
UPDATE calfleet.purges
SET attempts = attempts + 1, due_at = now() + $2 * interval '1 millisecond', last_error = $3
WHERE id = $1
