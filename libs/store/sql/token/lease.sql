-- Takes the lease of a refresh ('refresh', connection) or a grant ('grant', account) if nobody holds
-- it, by the database's clock. No row: somebody does.
-- $1 text kind
-- $2 uuid connection or account
-- $3 uuid holder
-- $4 bigint for how many ms
-- > holder uuid
INSERT INTO calfleet.token_leases AS l (kind, subject_id, holder, expires_at)
VALUES ($1, $2, $3, clock_timestamp() + $4::bigint * interval '1 millisecond')
ON CONFLICT (kind, subject_id) DO UPDATE
    SET holder = excluded.holder, taken_at = clock_timestamp(), expires_at = excluded.expires_at
    WHERE l.expires_at <= clock_timestamp()
RETURNING l.holder
