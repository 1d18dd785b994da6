-- Meetings that we made are kept without a connection; their spans go, their holds stay.
-- $1 bigint[] calendars that are gone
-- $2 bigint how many at most
WITH kept AS (
    SELECT e.id FROM public.ce_calendar_events e
    WHERE e.calendar_id = ANY ($1)
        AND (e.activity_id IS NOT NULL
             OR EXISTS (SELECT FROM calfleet.meetings m WHERE m.event_id = e.id))
    ORDER BY e.id LIMIT $2
    FOR UPDATE),
unspanned AS (DELETE FROM calfleet.spans s USING kept k WHERE s.event_id = k.id)
UPDATE public.ce_calendar_events e
SET connection_id = NULL, calendar_id = NULL, updated_at = now()
FROM kept k
WHERE e.id = k.id
