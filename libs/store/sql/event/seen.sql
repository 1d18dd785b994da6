-- Events that a full read saw unchanged: they are not to be swept.
-- $1 bigint calendar
-- $2 text[] the provider's ids
-- $3 bigint generation
UPDATE public.ce_calendar_events
SET generation = $3
WHERE calendar_id = $1 AND provider_event_id = ANY ($2) AND generation <> $3
