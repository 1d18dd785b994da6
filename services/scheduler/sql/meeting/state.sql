-- Where a meeting stands.
-- $1 uuid meeting
-- $2 text state
UPDATE calfleet.meetings SET state = $2, updated_at = now() WHERE id = $1
