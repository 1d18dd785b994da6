-- A sweep went through.
-- $1 bigint calendar
UPDATE calfleet.calendars
SET sweep_held_at = NULL, sweep_held_hash = NULL, sweep_held_rows = NULL
WHERE id = $1 AND sweep_held_at IS NOT NULL
