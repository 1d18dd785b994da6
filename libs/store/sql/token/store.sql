-- A refreshed token; the version is the one that was read before the provider was asked. A good
-- token also ends a state of needing authorisation.
-- $1 uuid connection
-- $2 bigint token version that was seen
-- $3 text access token, sealed
-- $4 text refresh token, sealed; null: it stays
-- $5 timestamptz access token expires at
-- $6 smallint key that sealed the refresh token; null: it stays
-- > token_version bigint
UPDATE public.ce_calendar_connections
SET access_token_encrypted = $3,
    refresh_token_encrypted = coalesce($4, refresh_token_encrypted),
    access_token_expires_at = $5,
    token_key_id = coalesce($6, token_key_id),
    token_version = token_version + 1,
    status = CASE WHEN status = 'reauthorize' THEN 'active' ELSE status END,
    status_reason = CASE WHEN status = 'reauthorize' THEN NULL ELSE status_reason END,
    status_changed_at = CASE WHEN status = 'reauthorize' THEN now() ELSE status_changed_at END,
    updated_at = now()
WHERE id = $1 AND token_version = $2
RETURNING token_version
