-- The account that a provider knows by that subject, made if there is none; locked.
-- $1 uuid id that it gets if it is made
-- $2 text provider
-- $3 text project
-- $4 text subject
-- $5 smallint shard of that id
-- > id uuid
-- > shard smallint
INSERT INTO calfleet.accounts AS a (id, provider, project, subject, shard)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (provider, project, subject) DO UPDATE SET tenant = a.tenant -- no key column: a weak lock
RETURNING a.id, a.shard
