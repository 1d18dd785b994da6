-- The calendars of an account that a run may read, with all that it needs to know; the change
-- counter is noted before the provider is asked.
-- $1 uuid account
-- $2 bigint[] calendars; empty: all
-- > calendar_id bigint
-- > connection_id uuid
-- > organization_id uuid
-- > user_id uuid
-- > provider text
-- > provider_calendar_id text
-- > time_zone text
-- > access_role text
-- > watchable boolean
-- > cursor text
-- > cursor_version bigint
-- > page_cursor text
-- > query_shape bytea
-- > generation bigint
-- > full_read boolean
-- > read_mark bigint
-- > covered_from timestamptz
-- > covered_to timestamptz
-- > due_at timestamptz
-- > due_reason text
-- > fail_count integer
-- > sweep_held_hash bytea
-- > change_counter bigint
-- > poll_minutes integer
-- > channel_expires_at timestamptz
-- > shard smallint
SELECT k.id AS calendar_id, k.connection_id, c.organization_id, c.user_id, c.provider,
    k.provider_calendar_id, k.time_zone, k.access_role, k.watchable,
    k.cursor, k.cursor_version, k.page_cursor, k.query_shape, k.generation, k.full_read, k.read_mark,
    lower(k.covered) AS covered_from, upper(k.covered) AS covered_to,
    k.due_at, k.due_reason, k.fail_count, k.sweep_held_hash, t.value AS change_counter,
    s.calendar_sync_poll_interval_minutes AS poll_minutes,
    (SELECT max(h.expires_at) FROM calfleet.channels h
     WHERE h.account_id = k.account_id AND h.calendar_id = k.id AND h.state = 'open')
        AS channel_expires_at,
    k.shard
FROM calfleet.calendars k
JOIN public.ce_calendar_connections c ON c.id = k.connection_id
JOIN calfleet.change_counters t ON t.connection_id = k.connection_id
LEFT JOIN public.ce_module_settings s ON s.organization_id = c.organization_id
WHERE k.account_id = $1
    AND (cardinality($2::bigint[]) = 0 OR k.id = ANY ($2))
    AND k.synced AND c.sync_enabled AND c.status = 'active'
ORDER BY k.id
