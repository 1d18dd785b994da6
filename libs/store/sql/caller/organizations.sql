-- The organisations that a person belongs to; two are enough to know that one is to be named.
-- $1 uuid user
-- > organization_id uuid
SELECT o AS organization_id FROM calfleet.user_organizations($1) AS o LIMIT 2
