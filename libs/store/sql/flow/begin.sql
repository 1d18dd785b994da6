-- The exchange begins, once: committed before the provider is called. No row: somebody began it.
-- $1 uuid flow
-- > id uuid
UPDATE calfleet.oauth_flows SET begun_at = now()
WHERE id = $1 AND begun_at IS NULL AND finished_at IS NULL
RETURNING id
