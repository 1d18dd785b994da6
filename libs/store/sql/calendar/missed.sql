-- A poll found what push should have brought.
-- $1 bigint calendar
UPDATE calfleet.calendars SET push_misses = push_misses + 1, push_missed_at = now() WHERE id = $1
