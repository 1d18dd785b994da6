-- A purge that failed waits.
-- $1 bigint purge
-- $2 bigint how many ms
-- $3 text stable code
-- $4 boolean whether it counts as an attempt
UPDATE calfleet.purges
SET attempts = attempts + $4::boolean::integer, due_at = now() + $2::bigint * interval '1 millisecond', last_error = $3
WHERE id = $1
