-- A consent came to its end; the verifier has no more use.
-- $1 uuid flow
-- $2 text ok, or the stable code of the failure
-- $3 uuid connection; null: none
UPDATE calfleet.oauth_flows
SET finished_at = now(), result = $2, connection_id = $3, verifier_encrypted = ''
WHERE id = $1 AND finished_at IS NULL
