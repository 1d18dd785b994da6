-- Events, their occurrence spans, and the journals of two-way sync.
SET LOCAL ROLE calfleet_migrate;

-- Neither the connection nor the calendar, user or organisation is a foreign key: a row that goes
-- with one of them is a purge. It turns invisible with its calendar (row-level security), and the
-- worker deletes in batches; a cascade would delete a hundred thousand rows in the host's own
-- request. Meetings that are kept after a disconnect have neither connection nor calendar.
CREATE TABLE public.ce_calendar_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    connection_id uuid,
    calendar_id bigint,
    activity_id uuid REFERENCES public.ce_activities ON DELETE SET NULL,
    sync_status text NOT NULL DEFAULT 'synced'
        CHECK (sync_status IN ('synced', 'pending', 'conflict', 'error')),
    sync_direction text NOT NULL DEFAULT 'inbound'
        CHECK (sync_direction IN ('inbound', 'outbound')),
    sync_error text,                   -- why sync_status is 'error', and what to do

    provider_event_id text COLLATE "C", -- null: made here, not yet at the provider
    ical_uid text,
    series_id text COLLATE "C",        -- provider's id of the master, on an exception
    original_start timestamptz,        -- of an exception: its identity within the series
    original_date date,                -- the same, all-day

    title text,
    description text,
    location text,
    start_at timestamptz,              -- first occurrence of a series; all-day: midnight in zone
    end_at timestamptz,
    all_day boolean NOT NULL DEFAULT false,
    start_date date,                   -- all-day; end_date exclusive
    end_date date,
    start_zone text,                   -- IANA
    end_zone text,
    recurrence text[],                 -- RRULE, RDATE, EXDATE lines; masters only
    status text NOT NULL DEFAULT 'confirmed'
        CHECK (status IN ('confirmed', 'tentative', 'cancelled')),
    show_as text NOT NULL DEFAULT 'busy'
        CHECK (show_as IN ('free', 'tentative', 'busy', 'out_of_office', 'working_elsewhere')),
    visibility text NOT NULL DEFAULT 'default'
        CHECK (visibility IN ('default', 'public', 'private', 'confidential')),
    is_private boolean NOT NULL
        GENERATED ALWAYS AS (visibility IN ('private', 'confidential')) STORED,
    event_type text NOT NULL DEFAULT 'default',
    organizer jsonb,
    attendees jsonb,
    attendees_omitted boolean NOT NULL DEFAULT false, -- a cut list is never written back
    my_response text CHECK (my_response IN ('none', 'organizer', 'accepted', 'tentative', 'declined')),
    conference_url text,
    html_link text,

    etag text COLLATE "C",
    at_provider boolean NOT NULL DEFAULT false, -- has been seen there: only such rows are swept
    stamp bigint NOT NULL DEFAULT 0,   -- change counter of the last write
    generation bigint NOT NULL DEFAULT 0, -- last full read that saw it
    base jsonb,                        -- last synced state, for the three-way merge
    extras jsonb,                      -- fields that we do not model, kept for the write back
    provider_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (calendar_id, provider_event_id),
    CHECK (calendar_id IS NULL OR connection_id IS NOT NULL)
);
CREATE INDEX ce_calendar_events_user ON public.ce_calendar_events (user_id, start_at);
CREATE INDEX ce_calendar_events_organization
    ON public.ce_calendar_events (organization_id, start_at);
CREATE INDEX ce_calendar_events_series ON public.ce_calendar_events (calendar_id, series_id)
    WHERE series_id IS NOT NULL;
CREATE INDEX ce_calendar_events_activity ON public.ce_calendar_events (activity_id)
    WHERE activity_id IS NOT NULL;
CREATE INDEX ce_calendar_events_open ON public.ce_calendar_events (calendar_id, sync_status)
    WHERE sync_status <> 'synced';
COMMENT ON TABLE public.ce_calendar_events IS 'Events, mirrored and ours';

-- Each occurrence inside the covered window. Written in the transaction that stores its event;
-- deleted with it by a trigger (0006). Free/busy reads these, never recurrence rules.
CREATE TABLE calfleet.spans (
    event_id uuid NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    connection_id uuid NOT NULL,
    calendar_id bigint NOT NULL,
    show_as text NOT NULL,
    PRIMARY KEY (event_id, start_at),
    CHECK (start_at <= end_at)
);
-- Overlap with a window by connection. Those of a day or less lie within a day before the window's
-- end; the few longer ones have an index of their own (calfleet.spans_in asks both).
CREATE INDEX spans_short ON calfleet.spans (connection_id, start_at)
    INCLUDE (end_at, calendar_id, show_as) WHERE end_at - start_at <= interval '1 day';
CREATE INDEX spans_long ON calfleet.spans (connection_id, end_at)
    INCLUDE (start_at, calendar_id, show_as) WHERE end_at - start_at > interval '1 day';
COMMENT ON TABLE calfleet.spans IS 'Occurrences inside the covered window, UTC, half-open';

-- Spans that overlap [p_from, p_to). Inlined by the planner: security and plan are the caller's.
CREATE FUNCTION calfleet.spans_in(p_connections uuid[], p_from timestamptz, p_to timestamptz)
RETURNS SETOF calfleet.spans
LANGUAGE sql STABLE AS $$
    SELECT * FROM calfleet.spans
    WHERE connection_id = ANY (p_connections)
        AND end_at - start_at <= interval '1 day'
        AND start_at > p_from - interval '1 day 1 second' AND start_at < p_to AND end_at > p_from
    UNION ALL
    SELECT * FROM calfleet.spans
    WHERE connection_id = ANY (p_connections)
        AND end_at - start_at > interval '1 day'
        AND end_at > p_from AND start_at < p_to
$$;

-- What a deleted row leaves behind, stamped: whoever read the provider before must not bring it
-- back. Written by a trigger (0006) and kept longer than any run.
CREATE TABLE calfleet.tombstones (
    calendar_id bigint NOT NULL,
    provider_event_id text NOT NULL COLLATE "C",
    connection_id uuid NOT NULL,
    event_id uuid NOT NULL,
    series_id text COLLATE "C",
    stamp bigint NOT NULL,
    etag text COLLATE "C",
    deleted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (calendar_id, provider_event_id)
);
CREATE INDEX tombstones_age ON calfleet.tombstones (deleted_at);
COMMENT ON TABLE calfleet.tombstones IS 'Deleted events, for a while';

-- Every write to a provider, planned before it is sent and settled after. An etag that a write of
-- ours produced is an echo, also when a later write has superseded it. Kept: it is what a purge at
-- the provider goes by.
CREATE TABLE calfleet.write_ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id uuid NOT NULL,
    calendar_id bigint NOT NULL,
    event_id uuid NOT NULL,
    provider_event_id text COLLATE "C", -- chosen by us where the provider lets us
    transaction_id uuid,                -- Microsoft's idempotency key
    op text NOT NULL CHECK (op IN ('create', 'update', 'delete', 'move')),
    stamp bigint NOT NULL,              -- version of the row that is written: only it is settled
    if_match text COLLATE "C",
    request_hash bytea,
    state text NOT NULL DEFAULT 'planned'
        CHECK (state IN ('planned', 'sent', 'done', 'refused', 'dropped')),
    result_etag text COLLATE "C",
    error text,
    attempts integer NOT NULL DEFAULT 0,
    planned_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    settled_at timestamptz
);
CREATE INDEX write_ledger_event
    ON calfleet.write_ledger (calendar_id, provider_event_id, result_etag);
CREATE INDEX write_ledger_open ON calfleet.write_ledger (calendar_id)
    WHERE state IN ('planned', 'sent');
CREATE INDEX write_ledger_connection ON calfleet.write_ledger (connection_id);
COMMENT ON TABLE calfleet.write_ledger IS 'Writes to providers, planned and settled';

-- Where both sides changed a field: the loser, for its owner to read and to restore.
CREATE TABLE calfleet.conflicts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    calendar_id bigint NOT NULL,
    event_id uuid NOT NULL,
    provider_event_id text COLLATE "C",
    kind text NOT NULL CHECK (kind IN ('field', 'delete_edit', 'edit_delete', 'meeting')),
    field text,
    base jsonb,
    local jsonb,
    remote jsonb,
    winner text NOT NULL CHECK (winner IN ('provider', 'local')),
    policy text NOT NULL,
    stamp bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    restored_at timestamptz
);
CREATE INDEX conflicts_event ON calfleet.conflicts (event_id);
CREATE INDEX conflicts_connection ON calfleet.conflicts (connection_id, created_at);
COMMENT ON TABLE calfleet.conflicts IS 'Losing versions of conflicting edits';

-- Outbox of calendar.events.v1. Within a connection ids are in commit order, since writers hold
-- its change counter; the relay of a shard deletes what it has published.
CREATE TABLE calfleet.change_feed (
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 959), -- murmur2(connection) mod 960
    id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id uuid NOT NULL,
    seq bigint NOT NULL,               -- per connection, without gaps
    organization_id uuid NOT NULL,
    calendar_id bigint NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('created', 'updated', 'deleted')),
    fields text[] NOT NULL DEFAULT '{}', -- names only
    stamp bigint NOT NULL,
    payload jsonb,                     -- only where configured
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, id)
);
COMMENT ON TABLE calfleet.change_feed IS 'Changes to be published after their commit';
