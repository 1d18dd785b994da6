-- The provider's list could not be read: again in an hour, in a minute where it never was.
-- $1 uuid connection
-- $2 bigint not earlier than so many ms
UPDATE public.ce_calendar_connections
SET calendar_list_due_at = now() + greatest($2::bigint * interval '1 millisecond',
    CASE WHEN calendar_list_read_at IS NULL THEN interval '1 minute' ELSE interval '1 hour' END)
WHERE id = $1
