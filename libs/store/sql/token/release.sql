-- Gives a lease back.
-- $1 text kind
-- $2 uuid connection or account
-- $3 uuid holder
DELETE FROM calfleet.token_leases WHERE kind = $1 AND subject_id = $2 AND holder = $3
