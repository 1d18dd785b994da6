-- The masters of these series and the originals of their exceptions: what expansion needs.
-- $1 bigint calendar
-- $2 text[] series, by the provider's ids of their masters
-- > event_id uuid
-- > provider_event_id text
-- > series_id text
-- > original_start timestamptz
-- > original_date date
-- > start_at timestamptz
-- > end_at timestamptz
-- > all_day boolean
-- > start_date date
-- > end_date date
-- > start_zone text
-- > recurrence text[]
-- > status text
-- > show_as text
-- > my_response text
-- > event_type text
SELECT id AS event_id, provider_event_id, series_id, original_start, original_date, start_at, end_at,
    all_day, start_date, end_date, start_zone, recurrence, status, show_as, my_response, event_type
FROM public.ce_calendar_events
WHERE calendar_id = $1 AND (provider_event_id = ANY ($2) OR series_id = ANY ($2))
    AND sync_status <> 'error'
ORDER BY coalesce(series_id, provider_event_id), series_id NULLS FIRST
