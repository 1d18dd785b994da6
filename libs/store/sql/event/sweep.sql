-- Deletes what a full read did not see, some at a time.
-- $1 bigint calendar
-- $2 bigint generation
-- $3 bigint read mark
-- $4 bigint how many at most
-- > event_id uuid
DELETE FROM public.ce_calendar_events
WHERE id IN (
    SELECT id FROM public.ce_calendar_events
    WHERE calendar_id = $1 AND at_provider AND generation < $2 AND stamp <= $3
    ORDER BY id LIMIT $4)
RETURNING id AS event_id
