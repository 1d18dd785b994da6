-- The provider's list of its calendars was stored; again in a day.
-- $1 uuid connection
UPDATE public.ce_calendar_connections
SET calendar_list_read_at = now(), calendar_list_due_at = now() + interval '1 day'
WHERE id = $1
