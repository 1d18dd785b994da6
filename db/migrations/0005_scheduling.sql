-- Meetings that we book, the commands that do it, and the slots that they take.
SET LOCAL ROLE calfleet_migrate;

CREATE TABLE calfleet.meetings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,             -- organiser
    connection_id uuid NOT NULL,
    calendar_id bigint NOT NULL,
    -- Stable over every retry: doubt is settled by reading this id.
    provider_event_id text NOT NULL COLLATE "C",
    transaction_id uuid NOT NULL DEFAULT gen_random_uuid(), -- Microsoft
    state text NOT NULL DEFAULT 'held' CHECK (state IN
        ('held', 'creating', 'stored', 'confirmed', 'changing', 'cancelling', 'cancelled',
         'failed', 'abandoned')),
    starts_at timestamptz NOT NULL,    -- first occurrence
    ends_at timestamptz NOT NULL,
    recurrence text[],
    overridden boolean NOT NULL DEFAULT false, -- booked over somebody's time, knowingly
    moved_at_provider_at timestamptz,
    event_id uuid,
    activity_id uuid,
    etag text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (calendar_id, provider_event_id),
    CHECK (starts_at < ends_at)
);
CREATE INDEX meetings_connection ON calfleet.meetings (connection_id);
CREATE INDEX meetings_event ON calfleet.meetings (event_id);
CREATE INDEX meetings_user ON calfleet.meetings (organization_id, user_id, starts_at);
COMMENT ON TABLE calfleet.meetings IS 'Meetings that we booked';

-- The ledger of commands: one with a row here is always brought to its end, by whichever scheduler
-- owns its shard. The same key with the same request gives the same answer; with another, 409.
CREATE TABLE calfleet.schedule_commands (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,             -- who asked
    idempotency_key text NOT NULL,
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32), -- SHA-256
    kind text NOT NULL CHECK (kind IN ('create', 'change', 'cancel', 'abandon')),
    request jsonb NOT NULL,            -- whole: a successor carries on from here
    meeting_id uuid REFERENCES calfleet.meetings ON DELETE SET NULL,
    connection_id uuid NOT NULL,       -- the organiser's: the key on the bus
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 959), -- murmur2(connection) mod 960
    state text NOT NULL DEFAULT 'accepted' CHECK (state IN
        ('accepted', 'held', 'begun', 'written', 'stored', 'done', 'refused', 'abandoned')),
    begun_at timestamptz,              -- before the provider is first written to
    due_at timestamptz,                -- when to look again; null: at its end
    attempts integer NOT NULL DEFAULT 0,
    error text,
    answer_status smallint,            -- of HTTP
    answer jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (organization_id, user_id, idempotency_key)
);
CREATE INDEX schedule_commands_due ON calfleet.schedule_commands (shard, due_at)
    WHERE due_at IS NOT NULL;
CREATE INDEX schedule_commands_meeting ON calfleet.schedule_commands (meeting_id);
CREATE INDEX schedule_commands_age ON calfleet.schedule_commands (finished_at)
    WHERE finished_at IS NOT NULL;
COMMENT ON TABLE calfleet.schedule_commands IS 'Ledger of scheduling commands';

CREATE TABLE calfleet.meeting_participants (
    meeting_id uuid NOT NULL REFERENCES calfleet.meetings ON DELETE CASCADE,
    person text NOT NULL COLLATE "C",  -- as in slot_holds
    user_id uuid,                      -- null: outside of the organisation
    address text,                      -- normalised
    display_name text,
    role text NOT NULL DEFAULT 'required'
        CHECK (role IN ('organizer', 'required', 'optional', 'resource')),
    response text,
    PRIMARY KEY (meeting_id, person)
);
COMMENT ON TABLE calfleet.meeting_participants IS 'Who takes part in a meeting of ours';

-- One row a person and occurrence. A person is a user within an organisation, else a normalised
-- address within it (as a hash): one tenant's bookings never tell of another's.
--
-- Two that overlap cannot both be: that is the constraint's work, not the code's. Outside of it are
-- those booked over knowingly, and those that somebody moved at the provider, so that an inbound
-- sync is never refused. Whoever inserts first deletes what has expired (a hold whose creation has
-- begun has no expiry), and inserts in the order of person.
CREATE TABLE calfleet.slot_holds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meeting_id uuid NOT NULL REFERENCES calfleet.meetings ON DELETE CASCADE,
    organization_id uuid NOT NULL,
    user_id uuid,
    address_hash bytea CHECK (octet_length(address_hash) = 32), -- SHA-256
    person text NOT NULL COLLATE "C"
        GENERATED ALWAYS AS (coalesce(user_id::text, encode(address_hash, 'hex'))) STORED,
    occurrence_at timestamptz NOT NULL, -- its start when it was booked: names it within a series
    during tstzrange NOT NULL CHECK (NOT isempty(during) AND NOT lower_inf(during)
                                     AND NOT upper_inf(during)),
    overridden boolean NOT NULL DEFAULT false,
    moved_at_provider boolean NOT NULL DEFAULT false,
    expires_at timestamptz,            -- null: creation has begun, or the meeting stands
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, address_hash) = 1),
    UNIQUE (meeting_id, person, occurrence_at),
    CONSTRAINT slot_holds_no_overlap
        EXCLUDE USING gist (organization_id WITH =, person WITH =, during WITH &&)
        WHERE (NOT overridden AND NOT moved_at_provider)
);
CREATE INDEX slot_holds_person ON calfleet.slot_holds USING gist (organization_id, person, during);
CREATE INDEX slot_holds_expiry ON calfleet.slot_holds (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE calfleet.slot_holds IS 'Slots taken by holds and meetings of ours, per person';
