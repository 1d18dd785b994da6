-- A channel that is stopped, or was never opened.
-- $1 bigint number
DELETE FROM calfleet.channels WHERE number = $1
