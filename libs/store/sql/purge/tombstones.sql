-- A batch of tombstones of calendars that are gone.
-- $1 bigint[] calendars
-- $2 bigint how many at most
DELETE FROM calfleet.tombstones
WHERE (calendar_id, provider_event_id) IN (
    SELECT calendar_id, provider_event_id FROM calfleet.tombstones
    WHERE calendar_id = ANY ($1) LIMIT $2)
