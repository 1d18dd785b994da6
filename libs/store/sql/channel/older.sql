-- Channels of a calendar that a newer one replaces: they are to be stopped.
-- $1 uuid account
-- $2 bigint calendar
-- $3 bigint number of the newer one
-- > number bigint
-- > provider_channel_id text
-- > resource_id text
UPDATE calfleet.channels SET state = 'stopping'
WHERE account_id = $1 AND calendar_id = $2 AND number < $3
RETURNING number, provider_channel_id, resource_id
