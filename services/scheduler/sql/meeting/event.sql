-- The event of a meeting as the provider answered it. A row that the sync-worker brought in first is
-- taken over.
-- $1 bigint calendar
-- $2 uuid connection
-- $3 uuid organisation
-- $4 uuid organiser
-- $5 bigint stamp
-- $6 uuid activity
-- $7 text the provider's id
-- $8 text iCalendar UID
-- $9 text title
-- $10 text description
-- $11 text location
-- $12 timestamptz start
-- $13 timestamptz end
-- $14 text start zone
-- $15 text end zone
-- $16 text[] recurrence; null: none
-- $17 text status
-- $18 text show-as
-- $19 text visibility
-- $20 jsonb organiser as the provider has it; null: not said
-- $21 jsonb attendees; null: none
-- $22 text my response; null: not said
-- $23 text conference link
-- $24 text link
-- $25 text etag
-- $26 timestamptz changed at the provider; null: not said
-- $27 boolean all-day
-- $28 date start date; null: not all-day
-- $29 date end date; null: not all-day
-- > event_id uuid
INSERT INTO public.ce_calendar_events AS e (
    calendar_id, connection_id, organization_id, user_id, stamp, activity_id, provider_event_id,
    ical_uid, title, description, location, start_at, end_at, start_zone, end_zone, recurrence,
    status, show_as, visibility, organizer, attendees, my_response, conference_url, html_link, etag,
    provider_updated_at, all_day, start_date, end_date, at_provider, sync_direction, sync_status)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25, $26, $27, $28, $29, true, 'outbound', 'synced')
ON CONFLICT (calendar_id, provider_event_id) DO UPDATE SET
    stamp = excluded.stamp, activity_id = excluded.activity_id, ical_uid = excluded.ical_uid,
    title = excluded.title, description = excluded.description, location = excluded.location,
    start_at = excluded.start_at, end_at = excluded.end_at, start_zone = excluded.start_zone,
    end_zone = excluded.end_zone, recurrence = excluded.recurrence, status = excluded.status,
    show_as = excluded.show_as, visibility = excluded.visibility, organizer = excluded.organizer,
    attendees = excluded.attendees, my_response = excluded.my_response,
    conference_url = excluded.conference_url, html_link = excluded.html_link, etag = excluded.etag,
    provider_updated_at = excluded.provider_updated_at, all_day = excluded.all_day,
    start_date = excluded.start_date, end_date = excluded.end_date, at_provider = true,
    sync_direction = 'outbound', sync_status = 'synced', sync_error = NULL, updated_at = now()
RETURNING e.id AS event_id
