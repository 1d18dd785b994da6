-- The account that a provider knows by that subject.
-- $1 text provider
-- $2 text project
-- $3 text subject
-- > id uuid
SELECT id FROM calfleet.accounts WHERE provider = $1 AND project = $2 AND subject = $3
