-- The provider's list of its calendars was stored.
-- $1 uuid connection
UPDATE public.ce_calendar_connections SET calendar_list_read_at = now() WHERE id = $1
