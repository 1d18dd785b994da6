-- The grant is revoked, or stays for the account's other connections: the tokens have no more use.
-- $1 bigint purge
UPDATE calfleet.purges
SET revoked_at = now(), access_token_encrypted = NULL, refresh_token_encrypted = NULL
WHERE id = $1
