-- Nothing is left to do.
-- $1 bigint purge
DELETE FROM calfleet.purges WHERE id = $1
