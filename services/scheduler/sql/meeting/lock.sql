-- A meeting of the caller's, held until the transaction ends.
-- $1 uuid meeting
-- $2 uuid user
-- > organization_id uuid
-- > connection_id uuid
-- > calendar_id bigint
-- > state text
-- > starts_at timestamptz
-- > ends_at timestamptz
-- > recurrence text[]
-- > event_id uuid
-- > overridden boolean
-- > zone text
SELECT m.organization_id, m.connection_id, m.calendar_id, m.state, m.starts_at, m.ends_at,
    m.recurrence, m.event_id, m.overridden, coalesce(e.start_zone, k.time_zone) AS zone
FROM calfleet.meetings m
LEFT JOIN public.ce_calendar_events e ON e.id = m.event_id
LEFT JOIN calfleet.calendars k ON k.id = m.calendar_id
WHERE m.id = $1 AND m.user_id = $2
FOR UPDATE OF m
