-- A cancelled meeting's event goes; a trigger takes its spans along and leaves a tombstone.
-- $1 uuid event
DELETE FROM public.ce_calendar_events WHERE id = $1 AND sync_direction = 'outbound'
