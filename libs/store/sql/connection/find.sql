-- The connection of a user to an account within an organisation; locked.
-- $1 uuid organisation
-- $2 uuid user
-- $3 text provider
-- $4 uuid account
-- > id uuid
SELECT id FROM public.ce_calendar_connections
WHERE organization_id = $1 AND user_id = $2 AND provider = $3 AND account_id = $4
FOR UPDATE
