-- Events that could not be understood: shown as rows, with the reason; what was known of them stays.
-- $1 bigint calendar
-- $2 uuid connection
-- $3 uuid organisation
-- $4 uuid user
-- $5 bigint stamp
-- $6 bigint change counter noted before the provider was asked
-- $7 bigint generation
-- $8 text[] provider's ids, each once
-- $9 text[] reasons
-- > event_id uuid
INSERT INTO public.ce_calendar_events AS e (
    calendar_id, connection_id, organization_id, user_id, stamp, generation, at_provider,
    sync_direction, provider_event_id, sync_status, sync_error)
SELECT $1, $2, $3, $4, $5, $7, true, 'inbound', b.id, 'error', b.reason
FROM unnest($8::text[], $9::text[]) AS b (id, reason)
ON CONFLICT (calendar_id, provider_event_id) DO UPDATE SET
    stamp = excluded.stamp, generation = excluded.generation, at_provider = true,
    sync_status = 'error', sync_error = excluded.sync_error, updated_at = now()
WHERE e.stamp <= $6
RETURNING e.id AS event_id
