-- Series of a calendar, some at a time: their masters' ids, after a given one.
-- $1 bigint calendar
-- $2 text after this id; empty: from the beginning
-- $3 bigint how many
-- > provider_event_id text
SELECT provider_event_id FROM public.ce_calendar_events
WHERE calendar_id = $1 AND recurrence IS NOT NULL AND provider_event_id > $2
ORDER BY provider_event_id
LIMIT $3
