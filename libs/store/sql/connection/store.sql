-- A connection after its exchange; the one that there is for this account is renewed.
-- $1 uuid id
-- $2 uuid organisation
-- $3 uuid user
-- $4 text provider
-- $5 uuid account
-- $6 text address, for people
-- $7 text access token, sealed
-- $8 text refresh token, sealed
-- $9 timestamptz access token expires at
-- $10 smallint key that sealed the refresh token
-- $11 text[] granted scopes
-- $12 uuid the organisation's own OAuth client; null: the platform's
-- > id uuid
INSERT INTO public.ce_calendar_connections AS c (id, organization_id, user_id, provider, account_id,
    account_email, access_token_encrypted, refresh_token_encrypted, token_version,
    access_token_expires_at, token_key_id, granted_scopes, oauth_client_id, calendar_list_due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $12, now() + interval '30 seconds')
ON CONFLICT (organization_id, user_id, provider, account_id) DO UPDATE
SET account_email = excluded.account_email,
    access_token_encrypted = excluded.access_token_encrypted,
    refresh_token_encrypted = excluded.refresh_token_encrypted,
    token_version = c.token_version + 1,
    access_token_expires_at = excluded.access_token_expires_at,
    token_key_id = excluded.token_key_id,
    granted_scopes = excluded.granted_scopes,
    oauth_client_id = excluded.oauth_client_id,
    calendar_list_due_at = excluded.calendar_list_due_at, -- read at once, by who stores this
    status = 'active', status_reason = NULL,
    status_changed_at = CASE WHEN c.status = 'active' THEN c.status_changed_at ELSE now() END,
    updated_at = now()
RETURNING c.id
