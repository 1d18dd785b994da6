-- An organisation's own OAuth client.
-- $1 uuid client
-- > client_id text
-- > client_secret_encrypted text
SELECT client_id, client_secret_encrypted FROM calfleet.oauth_clients WHERE id = $1
