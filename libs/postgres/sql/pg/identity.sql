-- Whose eyes row-level security looks through, until the transaction ends. The claims come first:
-- the role that follows them may do less.
-- $1 uuid user
-- $2 text role
-- $3 jsonb further claims of the caller; null: none
-- > set text
SELECT concat(
    set_config('request.jwt.claims',
        (coalesce($3::jsonb, '{}') || jsonb_build_object('sub', $1::uuid, 'role', $2::text))::text, true),
    set_config('role', $2, true)) AS set
