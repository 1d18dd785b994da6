-- A calendar that is still there, held as it is until the transaction ends. Chosen again: its rows
-- are not to be purged.
-- $1 bigint calendar
-- > synced boolean
SELECT synced FROM calfleet.calendars WHERE id = $1 FOR SHARE
