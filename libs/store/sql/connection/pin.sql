-- Still live, enabled and authorised? Holds it so until the transaction ends.
-- $1 uuid connection
-- > id uuid
SELECT id FROM public.ce_calendar_connections
WHERE id = $1 AND sync_enabled AND status = 'active'
FOR SHARE
