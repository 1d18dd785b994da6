-- A full read would delete more than its share: held until a second one agrees. The cursor does not
-- move.
-- $1 bigint calendar
-- $2 bigint cursor version that was seen
-- $3 bytea hash of what it did not see
-- $4 integer how many rows
-- $5 timestamptz due again at
UPDATE calfleet.calendars
SET sweep_held_at = now(), sweep_held_hash = $3, sweep_held_rows = $4, page_cursor = NULL,
    full_read = false, cursor = NULL, cursor_version = cursor_version + 1, due_at = $5,
    due_reason = 'retry', parked_until = $5, park_reason = 'sweep_held',
    park_detail = 'a full read would delete more than its share; it is read again'
WHERE id = $1 AND cursor_version = $2
