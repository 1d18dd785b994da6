-- Calendars with their cursors and due times, push channels, and notices.
SET LOCAL ROLE calfleet_migrate;

CREATE TABLE calfleet.calendars (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- from 1: on the bus 0 means all
    connection_id uuid NOT NULL REFERENCES public.ce_calendar_connections ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES calfleet.accounts,
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 959), -- the account's
    provider_calendar_id text NOT NULL COLLATE "C",
    name text,
    time_zone text,                    -- IANA
    access_role text NOT NULL DEFAULT 'reader'
        CHECK (access_role IN ('none', 'freebusy', 'reader', 'writer', 'owner')),
    is_primary boolean NOT NULL DEFAULT false,
    synced boolean NOT NULL DEFAULT true,        -- the owner's choice; false: rows are invisible
    counts_as_busy boolean NOT NULL DEFAULT true,
    watchable boolean NOT NULL DEFAULT true,     -- false: the provider refuses a channel, poll

    -- Reading. Every stored page is a compare-and-set on cursor_version.
    cursor text COLLATE "C",           -- sync token, delta link; null: a full read is due
    cursor_version bigint NOT NULL DEFAULT 0,
    page_cursor text COLLATE "C",      -- within a read that was interrupted
    query_shape bytea,                 -- hash of the parameters that the cursor is bound to
    generation bigint NOT NULL DEFAULT 0,        -- of the last full read, also while it runs
    full_read boolean NOT NULL DEFAULT false,    -- a full read is under way
    read_mark bigint,                  -- change counter when that full read began
    covered tstzrange,                 -- spans are complete in it; null: nothing is
    covered_next tstzrange,            -- what the read under way will have covered
    last_read_at timestamptz,          -- end of the last good read, changed or not
    -- A full read that would delete more than its share, held for a second one that agrees.
    sweep_held_at timestamptz,
    sweep_held_rows integer,
    sweep_held_hash bytea,             -- of the ids that it did not see

    -- The due table. A row stays due until a run moves it.
    due_at timestamptz,                -- null: never (paused, not chosen)
    due_reason text,                   -- import poll retry renewal local resume choice notice ...
    fail_count integer NOT NULL DEFAULT 0,
    parked_until timestamptz,
    park_reason text,                  -- stable code
    park_detail text,                  -- the provider's words

    -- Health of push.
    last_push_at timestamptz,
    push_misses integer NOT NULL DEFAULT 0,      -- changes found by a poll that push should bring
    push_missed_at timestamptz,

    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (connection_id, provider_calendar_id)
) WITH (fillfactor = 80); -- each run moves due_at
CREATE INDEX calendars_due ON calfleet.calendars (shard, due_at) WITH (fillfactor = 80)
    WHERE due_at IS NOT NULL;
CREATE INDEX calendars_account ON calfleet.calendars (account_id);
COMMENT ON TABLE calfleet.calendars IS 'Calendars of a connection; the due table';

-- Push channels belong to the account: what opened one may go before it is stopped, so neither the
-- calendar nor the connection is a foreign key.
CREATE TABLE calfleet.channels (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the channel's HMAC
    account_id uuid NOT NULL REFERENCES calfleet.accounts,
    calendar_id bigint,                -- null: the whole account (Microsoft)
    connection_id uuid,                -- whose token opened it; any live one of the account renews
    provider_channel_id text NOT NULL COLLATE "C", -- Google: ours; Microsoft: the subscription's
    resource_id text COLLATE "C",
    key_id smallint NOT NULL,          -- of the HMAC: a key retires when no live channel carries it
    state text NOT NULL DEFAULT 'opening'
        CHECK (state IN ('opening', 'open', 'stopping')), -- stopped ones are deleted
    opened_at timestamptz,
    expires_at timestamptz,            -- as the provider answered
    renew_at timestamptz,              -- early and spread out
    last_push_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX channels_account ON calfleet.channels (account_id, calendar_id);
CREATE INDEX channels_expiry ON calfleet.channels (expires_at);
COMMENT ON TABLE calfleet.channels IS 'Push channels and subscriptions';

-- What coalescing must not forget: stored before the record is acknowledged, deleted by the run
-- that has done it if `asked` is still what it saw.
CREATE TABLE calfleet.notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES calfleet.accounts,
    calendar_id bigint NOT NULL DEFAULT 0, -- 0: all
    kind text NOT NULL CHECK (kind IN ('resync', 'reauthorize', 'channel_removed', 'missed')),
    asked integer NOT NULL DEFAULT 1,
    asked_at timestamptz NOT NULL DEFAULT now(),
    detail text,
    UNIQUE (account_id, calendar_id, kind)
);
COMMENT ON TABLE calfleet.notices IS 'Lifecycle notices and asked resyncs, until they are done';
