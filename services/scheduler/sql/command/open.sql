-- All that a command needs to be brought to its end, by whoever takes it up.
-- $1 uuid command
-- $2 integer attempts: the fence
-- > kind text
-- > state text
-- > request jsonb
-- > organization_id uuid
-- > user_id uuid
-- > connection_id uuid
-- > meeting_id uuid
-- > calendar_id bigint
-- > provider_calendar_id text
-- > time_zone text
-- > provider_event_id text
-- > starts_at timestamptz
-- > ends_at timestamptz
-- > recurrence text[]
-- > overridden boolean
-- > etag text
-- > event_id uuid
-- > activity_id uuid
-- > connected boolean
-- > start_zone text
-- > title text
-- > attempts integer
SELECT d.kind, d.state, d.request, d.organization_id, d.user_id, m.connection_id,
    m.id AS meeting_id, m.calendar_id, k.provider_calendar_id, k.time_zone, m.provider_event_id,
    m.starts_at, m.ends_at, m.recurrence, m.overridden,
    coalesce(e.etag, m.etag) AS etag, m.event_id, m.activity_id,
    c.id IS NOT NULL AND k.id IS NOT NULL AS connected, e.start_zone, e.title, d.attempts
FROM calfleet.schedule_commands d
JOIN calfleet.meetings m ON m.id = d.meeting_id
LEFT JOIN public.ce_calendar_connections c ON c.id = m.connection_id
LEFT JOIN calfleet.calendars k ON k.id = m.calendar_id AND k.connection_id = m.connection_id
LEFT JOIN public.ce_calendar_events e ON e.id = m.event_id
WHERE d.id = $1 AND d.attempts = $2 AND d.finished_at IS NULL
