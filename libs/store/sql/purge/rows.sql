-- A batch of mirrored rows; meetings that we made stay. A trigger takes the spans along.
-- $1 bigint[] calendars
-- $2 bigint how many at most
DELETE FROM public.ce_calendar_events
WHERE id IN (
    SELECT e.id FROM public.ce_calendar_events e
    WHERE e.calendar_id = ANY ($1) AND e.activity_id IS NULL
        AND NOT EXISTS (SELECT FROM calfleet.meetings m WHERE m.event_id = e.id)
    ORDER BY e.id LIMIT $2
    FOR UPDATE)
