-- A channel is about to be opened: its number goes into its secret.
-- $1 uuid account
-- $2 bigint calendar; null: the whole account
-- $3 uuid connection whose token opens it
-- $4 text the provider's id of it, where we choose it
-- $5 smallint key of its secret
-- > number bigint
INSERT INTO calfleet.channels (account_id, calendar_id, connection_id, provider_channel_id, key_id)
VALUES ($1, $2, $3, $4, $5)
RETURNING number
