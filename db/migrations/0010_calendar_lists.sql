-- When a connection's list of calendars is to be read (again): a day after it was, and soon where
-- it never could be.
SET LOCAL ROLE calfleet_migrate;

ALTER TABLE public.ce_calendar_connections
    ADD COLUMN calendar_list_due_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX ce_calendar_connections_lists ON public.ce_calendar_connections (calendar_list_due_at)
    WHERE sync_enabled AND status = 'active';
GRANT SELECT (calendar_list_due_at) ON public.ce_calendar_connections TO calfleet_readonly;
