-- A notice came for these calendars.
-- $1 bigint[] calendars
UPDATE calfleet.calendars SET last_push_at = now()
WHERE id = ANY ($1) AND (last_push_at IS NULL OR last_push_at < now() - interval '1 minute')
