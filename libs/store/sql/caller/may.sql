-- Whether a person may, in that organisation.
-- $1 uuid user
-- $2 uuid organisation
-- $3 text permission's key
-- > may boolean
SELECT calfleet.user_may($1, $2, $3) AS may
