-- A person acted (sync now, reconnect): nothing of the account waits any longer.
-- $1 uuid account
WITH account AS (
    UPDATE calfleet.accounts SET parked_until = NULL, park_reason = NULL
    WHERE id = $1 AND parked_until IS NOT NULL RETURNING id)
UPDATE calfleet.calendars k
SET parked_until = NULL, park_reason = NULL, park_detail = NULL, due_at = now(), due_reason = 'retry'
FROM account a
WHERE k.account_id = a.id AND k.due_at IS NOT NULL
