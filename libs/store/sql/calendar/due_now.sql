-- Hurries these calendars of a connection, or all of them.
-- $1 uuid connection
-- $2 bigint[] calendars; empty: all
-- $3 text why
UPDATE calfleet.calendars
SET due_at = now(), due_reason = $3
WHERE connection_id = $1 AND (cardinality($2::bigint[]) = 0 OR id = ANY ($2)) AND due_at IS NOT NULL
