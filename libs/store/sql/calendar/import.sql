-- The provider's list of a connection's calendars: new ones with the default choice, due at once;
-- of known ones what the provider decides. Choices stay.
-- $1 uuid connection
-- $2 uuid account
-- $3 smallint the account's shard
-- $4 boolean whether the connection syncs
-- $5 text[] the provider's ids, each once
-- $6 text[] names
-- $7 text[] zones; null: not told
-- $8 text[] roles
-- $9 boolean[] primary
-- $10 boolean[] chosen by default
-- $11 boolean[] watchable
INSERT INTO calfleet.calendars AS k (connection_id, account_id, shard, provider_calendar_id, name,
    time_zone, access_role, is_primary, synced, counts_as_busy, watchable, due_at, due_reason)
SELECT $1, $2, $3, n.id, n.name, n.zone, n.role, n.is_primary, n.chosen, n.chosen, n.watchable,
    CASE WHEN n.chosen AND $4 THEN now() END, 'import'
FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[], $10::boolean[],
        $11::boolean[]) AS n (id, name, zone, role, is_primary, chosen, watchable)
ON CONFLICT (connection_id, provider_calendar_id) DO UPDATE
SET name = excluded.name, time_zone = coalesce(excluded.time_zone, k.time_zone),
    access_role = excluded.access_role, is_primary = excluded.is_primary
WHERE (k.name, k.time_zone, k.access_role, k.is_primary) IS DISTINCT FROM
    (excluded.name, coalesce(excluded.time_zone, k.time_zone), excluded.access_role,
     excluded.is_primary)
