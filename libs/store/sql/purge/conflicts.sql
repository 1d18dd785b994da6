-- A batch of losing versions, which are the content of events that are gone.
-- $1 uuid connection
-- $2 bigint[] calendars
-- $3 bigint how many at most
DELETE FROM calfleet.conflicts
WHERE id IN (
    SELECT id FROM calfleet.conflicts
    WHERE connection_id = $1 AND calendar_id = ANY ($2) LIMIT $3)
