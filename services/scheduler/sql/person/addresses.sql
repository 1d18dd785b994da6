-- Which people of the organisation are meant, and where they are reached: by their connections.
-- $1 uuid organisation
-- $2 uuid[] users
-- $3 text[] addresses, normalised
-- > user_id uuid
-- > address text
SELECT user_id, lower(account_email) AS address
FROM public.ce_calendar_connections
WHERE organization_id = $1 AND account_email IS NOT NULL AND status <> 'disconnecting'
    AND (user_id = ANY ($2) OR lower(account_email) = ANY ($3))
ORDER BY user_id, (status = 'active') DESC, created_at
LIMIT 1000
