-- The provider opened it.
-- $1 bigint number
-- $2 text the provider's resource
-- $3 timestamptz expires at, as the provider answered
-- $4 timestamptz renew at
UPDATE calfleet.channels
SET state = 'open', resource_id = $2, opened_at = now(), expires_at = $3, renew_at = $4
WHERE number = $1
