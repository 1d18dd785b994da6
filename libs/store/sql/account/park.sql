-- The whole account waits: its token or mailbox failed, or the provider is out of reach.
-- $1 uuid account
-- $2 timestamptz due again at
-- $3 text stable code
-- $4 text the provider's words, or ours
WITH account AS (
    UPDATE calfleet.accounts SET parked_until = $2::timestamptz, park_reason = $3 WHERE id = $1 RETURNING id)
UPDATE calfleet.calendars k
SET fail_count = k.fail_count + 1, parked_until = $2::timestamptz, park_reason = $3, park_detail = $4,
    due_at = CASE WHEN k.due_at IS NULL THEN NULL ELSE $2::timestamptz END, due_reason = 'retry'
FROM account a
WHERE k.account_id = a.id AND k.synced
