-- What only the host's owner can do: roles, the extension, the schema, and what calfleet may do
-- with the host's own objects. Run by a role that may create roles and owns the host's tables.
-- Every later migration needs no more than membership in calfleet_migrate.

-- One role a service, with the rights of its work and no more. They log in under these names, once
-- the operator has given them a password; NOINHERIT, so that what `authenticated` may do is theirs
-- only after SET ROLE, under the caller's claims. The ingest service has none: it holds no database.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT * FROM (VALUES
        ('calfleet_migrate', 'NOLOGIN'), -- owns all that calfleet creates
        ('calfleet_sync', 'LOGIN'),
        ('calfleet_freebusy', 'LOGIN'),
        ('calfleet_scheduler', 'LOGIN'),
        ('calfleet_readonly', 'LOGIN')) AS r (name, login) -- operators
    LOOP
        -- Roles belong to the cluster: another database of it may be migrated at the same moment.
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = made.name) THEN
                EXECUTE format('CREATE ROLE %I %s NOINHERIT', made.name, made.login);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

DO $$
DECLARE
    given record;
BEGIN
    FOR given IN SELECT * FROM (VALUES
        ('calfleet_migrate', current_user),
        ('authenticated', 'calfleet_sync'),
        ('authenticated', 'calfleet_freebusy'),
        ('authenticated', 'calfleet_scheduler')) AS r (role, member)
    LOOP
        BEGIN
            IF NOT pg_has_role(given.member, given.role, 'MEMBER') THEN
                EXECUTE format('GRANT %I TO %I', given.role, given.member);
            END IF;
        EXCEPTION WHEN unique_violation THEN
            NULL; -- granted at the same moment from another database
        END;
    END LOOP;
END
$$;

CREATE SCHEMA IF NOT EXISTS calfleet;
REVOKE ALL ON SCHEMA calfleet FROM PUBLIC;
ALTER SCHEMA calfleet OWNER TO calfleet_migrate;
GRANT USAGE ON SCHEMA calfleet
    TO calfleet_sync, calfleet_freebusy, calfleet_scheduler, calfleet_readonly;

-- What was applied; written by the runner (calfleetctl migrate) in each file's transaction.
CREATE TABLE calfleet.migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,            -- SHA-256 of the file, hex
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL           -- version of the runner
);
ALTER TABLE calfleet.migrations OWNER TO calfleet_migrate;
GRANT SELECT ON calfleet.migrations
    TO calfleet_sync, calfleet_freebusy, calfleet_scheduler, calfleet_readonly;

-- For exclusion constraints over (organisation, person, range).
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA calfleet;

-- The host's objects that ours refer to.
GRANT USAGE, CREATE ON SCHEMA public TO calfleet_migrate;
GRANT USAGE ON SCHEMA auth TO calfleet_migrate;
GRANT SELECT (id), REFERENCES (id) ON auth.users TO calfleet_migrate;
GRANT SELECT (id), REFERENCES (id) ON public.pf_organizations TO calfleet_migrate;
GRANT SELECT ON public.pf_organization_members TO calfleet_migrate;
GRANT REFERENCES (id) ON public.ce_activities TO calfleet_migrate;
GRANT EXECUTE ON FUNCTION public.pf_user_has_permission(uuid, text) TO calfleet_migrate;

-- The host's tables may have row-level security, and calfleet_migrate reads two of them in
-- functions that decide rights.
CREATE POLICY calfleet_reads ON public.pf_organizations FOR SELECT TO calfleet_migrate USING (true);
CREATE POLICY calfleet_reads ON public.pf_organization_members FOR SELECT TO calfleet_migrate
    USING (true);

GRANT USAGE ON SCHEMA public
    TO calfleet_sync, calfleet_freebusy, calfleet_scheduler, calfleet_readonly;

-- A meeting's place on the host's timeline, and its notifications.
GRANT SELECT, INSERT, UPDATE, DELETE ON public.ce_activities TO calfleet_scheduler;
CREATE POLICY calfleet_scheduler_all ON public.ce_activities TO calfleet_scheduler
    USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON public.pf_notifications TO calfleet_scheduler;
CREATE POLICY calfleet_scheduler_all ON public.pf_notifications TO calfleet_scheduler
    USING (true) WITH CHECK (true);

-- Settings of an organisation. A host that has them keeps its columns and its values.
ALTER TABLE public.ce_module_settings
    ADD COLUMN IF NOT EXISTS calendar_default_meeting_duration_minutes integer NOT NULL DEFAULT 30,
    ADD COLUMN IF NOT EXISTS calendar_sync_poll_interval_minutes integer NOT NULL DEFAULT 15,
    ADD COLUMN IF NOT EXISTS calendar_pre_meeting_notification_minutes integer NOT NULL DEFAULT 15;

-- The ranges. A trigger and no CHECK: a CHECK, even one that is not validated, would refuse every
-- later update of a row that already holds a value out of range, also one of another column. What
-- is there already is clamped and reported by the worker.
CREATE FUNCTION calfleet.settings_in_range() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_new jsonb := to_jsonb(NEW);
    v_old jsonb := CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) END;
    v_rule record;
BEGIN
    FOR v_rule IN SELECT * FROM (VALUES
        ('calendar_default_meeting_duration_minutes', 15, 480),
        ('calendar_sync_poll_interval_minutes', 5, 60),
        ('calendar_pre_meeting_notification_minutes', 5, 1440)) AS r (name, lowest, highest)
    LOOP
        IF v_new -> v_rule.name IS DISTINCT FROM v_old -> v_rule.name
           AND (v_new ->> v_rule.name)::integer NOT BETWEEN v_rule.lowest AND v_rule.highest THEN
            RAISE EXCEPTION '% must be between % and %', v_rule.name, v_rule.lowest, v_rule.highest
                USING ERRCODE = 'check_violation', COLUMN = v_rule.name,
                      TABLE = 'ce_module_settings', SCHEMA = 'public';
        END IF;
    END LOOP;
    RETURN NEW;
END
$$;
ALTER FUNCTION calfleet.settings_in_range() OWNER TO calfleet_migrate;
REVOKE EXECUTE ON FUNCTION calfleet.settings_in_range() FROM PUBLIC;

CREATE TRIGGER calfleet_settings_in_range
    BEFORE INSERT OR UPDATE OF calendar_default_meeting_duration_minutes,
        calendar_sync_poll_interval_minutes, calendar_pre_meeting_notification_minutes
    ON public.ce_module_settings
    FOR EACH ROW EXECUTE FUNCTION calfleet.settings_in_range();

GRANT SELECT (organization_id, calendar_default_meeting_duration_minutes,
              calendar_sync_poll_interval_minutes, calendar_pre_meeting_notification_minutes)
    ON public.ce_module_settings
    TO calfleet_sync, calfleet_freebusy, calfleet_scheduler, calfleet_readonly;
CREATE POLICY calfleet_reads ON public.ce_module_settings FOR SELECT
    TO calfleet_sync, calfleet_freebusy, calfleet_scheduler, calfleet_readonly USING (true);
