-- Events that are gone at the provider, with the exceptions of a series that is gone; what was
-- stamped after the provider was asked is left alone.
-- $1 bigint calendar
-- $2 text[] the provider's ids
-- $3 bigint change counter noted before the provider was asked
-- > event_id uuid
-- > provider_event_id text
-- > series_id text
DELETE FROM public.ce_calendar_events
WHERE calendar_id = $1 AND (provider_event_id = ANY ($2) OR series_id = ANY ($2)) AND stamp <= $3
RETURNING id AS event_id, provider_event_id, series_id
