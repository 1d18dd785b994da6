-- Accounts, connections and their tokens.
SET LOCAL ROLE calfleet_migrate;

-- A person's account at a provider. Everything about it meets in one partition of the bus, keyed
-- by this id.
CREATE TABLE calfleet.accounts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    provider text NOT NULL CHECK (provider IN ('google', 'microsoft')),
    -- The application (Google: project number, Microsoft: client id) under which subject was told:
    -- what the provider counts (grants, subscriptions, budgets) it counts by it.
    project text NOT NULL COLLATE "C",
    subject text NOT NULL COLLATE "C",
    tenant text,                       -- Microsoft: directory; null for personal accounts
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 959), -- murmur2(id) mod 960, by the writer
    parked_until timestamptz,          -- the whole account: token or mailbox failed
    park_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (provider, project, subject)
);
COMMENT ON TABLE calfleet.accounts IS 'A person''s account at a provider; the key on the bus';

-- An organisation's own OAuth client; where it has none, the platform's is used.
CREATE TABLE calfleet.oauth_clients (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES public.pf_organizations ON DELETE CASCADE,
    provider text NOT NULL CHECK (provider IN ('google', 'microsoft')),
    client_id text NOT NULL,
    client_secret_encrypted text NOT NULL,  -- envelope; this id and the column are associated data
    project text NOT NULL COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, provider)
);
COMMENT ON TABLE calfleet.oauth_clients IS 'OAuth clients that organisations bring';

CREATE TABLE public.ce_calendar_connections (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES public.pf_organizations ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    provider text NOT NULL CHECK (provider IN ('google', 'microsoft')),
    account_id uuid NOT NULL REFERENCES calfleet.accounts,
    account_email text,                -- for people to tell their connections apart; never a key
    -- Envelopes of AES-256-GCM: key id within, this id and the column's name associated.
    access_token_encrypted text,
    refresh_token_encrypted text,
    token_version bigint NOT NULL DEFAULT 0, -- moves with every stored token; compare-and-set
    token_key_id smallint,               -- of refresh_token_encrypted: rotation counts by it
    access_token_expires_at timestamptz,
    granted_scopes text[] NOT NULL DEFAULT '{}', -- as the provider granted, not as we asked
    oauth_client_id uuid REFERENCES calfleet.oauth_clients ON DELETE SET NULL, -- null: platform's
    status text NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'reauthorize', 'disconnecting')),
    status_reason text,                -- the provider's words
    status_changed_at timestamptz NOT NULL DEFAULT now(),
    sync_enabled boolean NOT NULL DEFAULT true,
    conflict_policy text NOT NULL DEFAULT 'provider'
        CHECK (conflict_policy IN ('provider', 'local', 'newest')),
    -- The oldest last good read among the chosen calendars; null until each was read once.
    last_sync_at timestamptz,
    calendar_list_cursor text,
    calendar_list_read_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, user_id, provider, account_id)
) WITH (fillfactor = 80); -- last_sync_at moves with every run
CREATE INDEX ce_calendar_connections_user ON public.ce_calendar_connections (user_id);
CREATE INDEX ce_calendar_connections_account ON public.ce_calendar_connections (account_id);
COMMENT ON TABLE public.ce_calendar_connections IS
    'One per organisation, user and provider account; owner-only';

-- Every write under a connection takes the next value and stamps its rows or tombstones with it.
-- The row stays locked until that transaction ends, so a connection's stamps commit in order. A
-- table of its own, since it moves far oftener than the connection. No row: the connection is gone.
CREATE TABLE calfleet.change_counters (
    connection_id uuid PRIMARY KEY REFERENCES public.ce_calendar_connections ON DELETE CASCADE,
    value bigint NOT NULL DEFAULT 0,
    feed_seq bigint NOT NULL DEFAULT 0 -- last number given out in calfleet.change_feed
) WITH (fillfactor = 50);
COMMENT ON TABLE calfleet.change_counters IS 'Change counter of each connection';

-- Single flight across processes, on the database's clock: a refresh by connection, a grant
-- (exchange, revoke) by account. A lease outlives the HTTP deadline of the call that it covers; no
-- transaction is open meanwhile.
CREATE TABLE calfleet.token_leases (
    kind text NOT NULL CHECK (kind IN ('refresh', 'grant')),
    subject_id uuid NOT NULL,          -- connection, account
    holder uuid NOT NULL,              -- drawn by each taker: only the holder gives it back
    taken_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, subject_id)
);
COMMENT ON TABLE calfleet.token_leases IS 'Who refreshes or exchanges at this moment';

-- One consent, from start to the end of its exchange. begun_at is committed before the provider is
-- called: a replay that finds it set never exchanges again. Kept without foreign keys, pruned by
-- age.
CREATE TABLE calfleet.oauth_flows (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    state_hash bytea NOT NULL UNIQUE CHECK (octet_length(state_hash) = 32), -- SHA-256
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider text NOT NULL CHECK (provider IN ('google', 'microsoft')),
    oauth_client_id uuid,              -- null: the platform's
    verifier_encrypted text NOT NULL,  -- PKCE; envelope, this id and the column associated
    nonce_hash bytea,                  -- of the ID token
    redirect_uri text NOT NULL,        -- the provider's redirect, as it was sent
    return_to text,                    -- the app's page
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    begun_at timestamptz,
    finished_at timestamptz,
    result text,                       -- ok, or the stable code of the failure
    connection_id uuid
);
CREATE INDEX oauth_flows_expires ON calfleet.oauth_flows (expires_at);
COMMENT ON TABLE calfleet.oauth_flows IS 'Consents under way';
