-- Disconnects the caller's own connection: run as the caller. A trigger leaves what is to be done.
-- $1 uuid connection
-- > organization_id uuid
DELETE FROM public.ce_calendar_connections WHERE id = $1 RETURNING organization_id
