-- What is in the way in people's calendars: the asker's own, and of those colleagues whose time the
-- asker may see.
-- $1 uuid who asks
-- $2 uuid organisation
-- $3 uuid[] people
-- $4 timestamptz[] starts of the occurrences
-- $5 timestamptz[] their ends
-- $6 text[] what blocks
-- $7 uuid an event that does not count, with its exceptions; null: none
-- > user_id uuid
-- > start_at timestamptz
-- > end_at timestamptz
WITH seen AS (
    SELECT r.user_id FROM calfleet.freebusy_rights($1, $2, $3) AS r WHERE r.level <> 'none'
    UNION SELECT $1),
places AS (
    SELECT c.id, c.user_id FROM public.ce_calendar_connections c JOIN seen USING (user_id)
    WHERE c.organization_id = $2 AND c.user_id = ANY ($3)),
wanted AS (SELECT * FROM unnest($4::timestamptz[], $5::timestamptz[]) AS w (start_at, end_at))
SELECT DISTINCT p.user_id, s.start_at, s.end_at
FROM calfleet.spans_in(ARRAY(SELECT id FROM places), (SELECT min(start_at) FROM wanted),
                       (SELECT max(end_at) FROM wanted)) s
JOIN places p ON p.id = s.connection_id
JOIN calfleet.calendars k ON k.id = s.calendar_id AND k.counts_as_busy AND k.synced
JOIN wanted w ON s.start_at < w.end_at AND s.end_at > w.start_at AND s.start_at < s.end_at
WHERE s.show_as = ANY ($6) AND s.event_id IS DISTINCT FROM $7::uuid
    AND NOT EXISTS (
        SELECT FROM public.ce_calendar_events own
        JOIN public.ce_calendar_events x
            ON x.calendar_id = own.calendar_id AND x.series_id = own.provider_event_id
        WHERE own.id = $7 AND x.id = s.event_id)
ORDER BY s.start_at, p.user_id
LIMIT 20
