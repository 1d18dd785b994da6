-- What is left to do for connections and calendar choices that went, in these shards, oldest first.
-- $1 smallint[] shards
-- $2 bigint how many at most
-- > id bigint
-- > kind text
-- > connection_id uuid
-- > account_id uuid
-- > provider text
-- > calendar_ids bigint[]
-- > access_token_encrypted text
-- > refresh_token_encrypted text
-- > access_token_expires_at timestamptz
-- > oauth_client_id uuid
-- > attempts integer
-- > channels_stopped boolean
-- > revoked boolean
SELECT id, kind, connection_id, account_id, provider, calendar_ids, access_token_encrypted,
    refresh_token_encrypted, access_token_expires_at, oauth_client_id, attempts,
    channels_stopped_at IS NOT NULL AS channels_stopped, revoked_at IS NOT NULL AS revoked
FROM calfleet.purges
WHERE shard = ANY ($1) AND due_at <= now()
ORDER BY due_at
LIMIT $2
