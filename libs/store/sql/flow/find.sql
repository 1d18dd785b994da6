-- A consent by its state, and how many calendars a finished one brought.
-- $1 bytea hash of its state
-- > id uuid
-- > organization_id uuid
-- > user_id uuid
-- > provider text
-- > oauth_client_id uuid
-- > verifier_encrypted text
-- > nonce_hash bytea
-- > redirect_uri text
-- > expired boolean
-- > begun boolean
-- > finished boolean
-- > result text
-- > connection_id uuid
-- > calendars bigint
SELECT f.id, f.organization_id, f.user_id, f.provider, f.oauth_client_id, f.verifier_encrypted,
    f.nonce_hash, f.redirect_uri, f.expires_at <= now() AS expired,
    f.begun_at IS NOT NULL AS begun, f.finished_at IS NOT NULL AS finished, f.result,
    f.connection_id,
    (SELECT count(*) FROM calfleet.calendars k WHERE k.connection_id = f.connection_id) AS calendars
FROM calfleet.oauth_flows f
WHERE f.state_hash = $1
