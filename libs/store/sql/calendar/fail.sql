-- A read that failed: the calendar waits, and says why.
-- $1 bigint calendar
-- $2 timestamptz due again at
-- $3 text stable code
-- $4 text the provider's words, or ours
UPDATE calfleet.calendars
SET fail_count = fail_count + 1, parked_until = $2::timestamptz, park_reason = $3, park_detail = $4,
    due_at = CASE WHEN due_at IS NULL THEN NULL ELSE $2::timestamptz END, due_reason = 'retry'
WHERE id = $1
