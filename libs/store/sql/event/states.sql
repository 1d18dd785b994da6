-- What is stored of the events of a page, and what was deleted of them.
-- $1 bigint calendar
-- $2 text[] the provider's ids
-- > provider_event_id text
-- > event_id uuid
-- > etag text
-- > stamp bigint
-- > deleted boolean
-- > sync_status text
-- > status text
SELECT e.provider_event_id, e.id AS event_id, e.etag, e.stamp, false AS deleted, e.sync_status,
    e.status
FROM public.ce_calendar_events e
WHERE e.calendar_id = $1 AND e.provider_event_id = ANY ($2)
UNION ALL
SELECT t.provider_event_id, t.event_id, t.etag, t.stamp, true, '', ''
FROM calfleet.tombstones t
WHERE t.calendar_id = $1 AND t.provider_event_id = ANY ($2)
