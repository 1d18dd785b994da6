-- The calendars of connections, for their owner to see: health included.
-- $1 uuid[] connections
-- > connection_id uuid
-- > id bigint
-- > name text
-- > time_zone text
-- > access_role text
-- > is_primary boolean
-- > synced boolean
-- > counts_as_busy boolean
-- > watchable boolean
-- > watched boolean
-- > last_read_at timestamptz
-- > due_at timestamptz
-- > parked_until timestamptz
-- > park_reason text
SELECT k.connection_id, k.id, k.name, k.time_zone, k.access_role, k.is_primary, k.synced,
    k.counts_as_busy, k.watchable,
    EXISTS (SELECT FROM calfleet.channels h
            WHERE h.account_id = k.account_id AND (h.calendar_id = k.id OR h.calendar_id IS NULL)
                AND h.state = 'open' AND h.expires_at > now()) AS watched,
    k.last_read_at, k.due_at, k.parked_until, k.park_reason
FROM calfleet.calendars k
WHERE k.connection_id = ANY ($1)
ORDER BY k.connection_id, k.is_primary DESC, k.id
