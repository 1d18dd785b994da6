-- The OAuth client that an organisation brought.
-- $1 uuid organisation
-- $2 text provider
-- > id uuid
SELECT id FROM calfleet.oauth_clients WHERE organization_id = $1 AND provider = $2
