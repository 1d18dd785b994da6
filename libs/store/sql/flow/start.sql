-- A consent begins.
-- $1 uuid id
-- $2 bytea hash of its state
-- $3 uuid organisation
-- $4 uuid user
-- $5 text provider
-- $6 uuid the organisation's own OAuth client; null: the platform's
-- $7 text PKCE verifier, sealed
-- $8 bytea hash of the nonce
-- $9 text redirect as it is sent
-- $10 bigint how many ms it may take
-- > expires_at timestamptz
INSERT INTO calfleet.oauth_flows (id, state_hash, organization_id, user_id, provider,
    oauth_client_id, verifier_encrypted, nonce_hash, redirect_uri, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10::bigint * interval '1 millisecond')
RETURNING expires_at
