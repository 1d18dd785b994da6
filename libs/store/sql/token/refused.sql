-- The grant is dead, if the refused token is still the current one.
-- $1 uuid connection
-- $2 bigint token version that was refused
-- $3 text the provider's words
-- > id uuid
UPDATE public.ce_calendar_connections
SET status = 'reauthorize', status_reason = $3, status_changed_at = now(), updated_at = now()
WHERE id = $1 AND token_version = $2 AND status <> 'disconnecting'
RETURNING id
