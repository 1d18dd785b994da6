-- A read that failed: the calendar waits, and says why. A due time that was set while it was read
-- stays, since it means a read that begins later.
-- $1 bigint calendar
-- $2 timestamptz due again at
-- $3 text stable code
-- $4 text the provider's words, or ours
-- $5 timestamptz due time that the run saw, in whole ms; null: none
UPDATE calfleet.calendars
SET fail_count = fail_count + 1, parked_until = $2::timestamptz, park_reason = $3, park_detail = $4,
    due_at = CASE WHEN date_trunc('milliseconds', due_at) = $5::timestamptz THEN $2::timestamptz
                  ELSE due_at END,
    due_reason = 'retry'
WHERE id = $1
