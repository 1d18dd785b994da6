-- A connection's sealed tokens.
-- $1 uuid connection
-- > access_token_encrypted text
-- > refresh_token_encrypted text
-- > token_version bigint
-- > access_token_expires_at timestamptz
-- > provider text
-- > oauth_client_id uuid
-- > status text
-- > account_id uuid
SELECT access_token_encrypted, refresh_token_encrypted, token_version, access_token_expires_at,
    provider, oauth_client_id, status, account_id
FROM public.ce_calendar_connections
WHERE id = $1
