-- The channels of a purge are stopped, or run out by themselves.
-- $1 bigint purge
UPDATE calfleet.purges SET channels_stopped_at = now() WHERE id = $1
