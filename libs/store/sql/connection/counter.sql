-- The change counter as it stands, before a provider is asked.
-- $1 uuid connection
-- > value bigint
SELECT value FROM calfleet.change_counters WHERE connection_id = $1
