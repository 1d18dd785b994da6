-- Counts rows that a batch deleted.
-- $1 bigint purge
-- $2 bigint rows
UPDATE calfleet.purges SET rows_deleted = rows_deleted + $2 WHERE id = $1
