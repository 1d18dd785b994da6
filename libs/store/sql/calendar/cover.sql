-- Spans are complete in this window from now on.
-- $1 bigint calendar
-- $2 timestamptz from
-- $3 timestamptz to
UPDATE calfleet.calendars SET covered = tstzrange($2, $3) WHERE id = $1 AND covered IS NOT NULL
