-- How many calendars a connection has.
-- $1 uuid connection
-- > calendars bigint
SELECT count(*) AS calendars FROM calfleet.calendars WHERE connection_id = $1
