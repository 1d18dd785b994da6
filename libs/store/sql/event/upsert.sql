-- Events as the provider has them. A row that was stamped after the provider was asked is left
-- alone (it is read again by its id) and not returned.
-- $1 bigint calendar
-- $2 uuid connection
-- $3 uuid organisation
-- $4 uuid user
-- $5 bigint stamp
-- $6 bigint change counter noted before the provider was asked
-- $7 bigint generation
-- $8 text[] provider's ids, each once
-- $9 text[] iCalendar UIDs
-- $10 text[] series
-- $11 timestamptz[] original starts
-- $12 date[] original dates
-- $13 text[] titles
-- $14 text[] descriptions
-- $15 text[] locations
-- $16 timestamptz[] starts
-- $17 timestamptz[] ends
-- $18 boolean[] all-day
-- $19 date[] start dates
-- $20 date[] end dates
-- $21 text[] start zones
-- $22 text[] end zones
-- $23 text[] recurrence, lines joined by LF
-- $24 text[] status
-- $25 text[] show-as
-- $26 text[] visibility
-- $27 text[] event types
-- $28 jsonb[] organisers
-- $29 jsonb[] attendees
-- $30 boolean[] attendee list is cut
-- $31 text[] my responses
-- $32 text[] conference links
-- $33 text[] links
-- $34 text[] etags
-- $35 timestamptz[] changed at the provider
-- > event_id uuid
-- > provider_event_id text
INSERT INTO public.ce_calendar_events AS e (
    calendar_id, connection_id, organization_id, user_id, stamp, generation, at_provider,
    sync_direction, provider_event_id, ical_uid, series_id, original_start, original_date,
    title, description, location, start_at, end_at, all_day, start_date, end_date,
    start_zone, end_zone, recurrence, status, show_as, visibility, event_type,
    organizer, attendees, attendees_omitted, my_response, conference_url, html_link, etag,
    provider_updated_at)
SELECT $1, $2, $3, $4, $5, $7, true, 'inbound',
    n.provider_event_id, n.ical_uid, n.series_id, n.original_start, n.original_date,
    n.title, n.description, n.location, n.start_at, n.end_at, n.all_day, n.start_date, n.end_date,
    n.start_zone, n.end_zone, string_to_array(n.recurrence, E'\n'), n.status, n.show_as,
    n.visibility, n.event_type, n.organizer, n.attendees, n.attendees_omitted, n.my_response,
    n.conference_url, n.html_link, n.etag, n.provider_updated_at
FROM unnest($8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::date[], $13::text[],
        $14::text[], $15::text[], $16::timestamptz[], $17::timestamptz[], $18::boolean[],
        $19::date[], $20::date[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[],
        $26::text[], $27::text[], $28::jsonb[], $29::jsonb[], $30::boolean[], $31::text[],
        $32::text[], $33::text[], $34::text[], $35::timestamptz[])
    AS n (provider_event_id, ical_uid, series_id, original_start, original_date, title,
        description, location, start_at, end_at, all_day, start_date, end_date, start_zone,
        end_zone, recurrence, status, show_as, visibility, event_type, organizer, attendees,
        attendees_omitted, my_response, conference_url, html_link, etag, provider_updated_at)
ON CONFLICT (calendar_id, provider_event_id) DO UPDATE SET
    stamp = excluded.stamp, generation = excluded.generation, at_provider = true,
    ical_uid = excluded.ical_uid, series_id = excluded.series_id,
    original_start = excluded.original_start, original_date = excluded.original_date,
    title = excluded.title, description = excluded.description, location = excluded.location,
    start_at = excluded.start_at, end_at = excluded.end_at, all_day = excluded.all_day,
    start_date = excluded.start_date, end_date = excluded.end_date,
    start_zone = excluded.start_zone, end_zone = excluded.end_zone,
    recurrence = excluded.recurrence, status = excluded.status, show_as = excluded.show_as,
    visibility = excluded.visibility, event_type = excluded.event_type,
    organizer = excluded.organizer, attendees = excluded.attendees,
    attendees_omitted = excluded.attendees_omitted, my_response = excluded.my_response,
    conference_url = excluded.conference_url, html_link = excluded.html_link,
    etag = excluded.etag, provider_updated_at = excluded.provider_updated_at,
    sync_error = NULL, sync_status = 'synced', updated_at = now()
WHERE e.stamp <= $6
RETURNING e.id AS event_id, e.provider_event_id
