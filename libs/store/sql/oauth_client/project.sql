-- The project of an organisation's OAuth client.
-- $1 uuid client
-- > project text
SELECT project FROM calfleet.oauth_clients WHERE id = $1
