-- Stand-in for the host platform, development and tests only: its API roles and its schema auth,
-- as the hosted Postgres provides them. Never applied to a real host.

DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT * FROM (VALUES
        ('anon', 'NOLOGIN NOINHERIT'),
        ('authenticated', 'NOLOGIN NOINHERIT'),
        ('service_role', 'NOLOGIN NOINHERIT BYPASSRLS'),
        ('authenticator', 'LOGIN NOINHERIT')) AS r (name, attributes)
    LOOP
        -- Roles belong to the cluster: another database of it may be made at the same moment.
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = made.name) THEN
                EXECUTE format('CREATE ROLE %I %s', made.name, made.attributes);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    IF NOT pg_has_role('authenticator', 'authenticated', 'MEMBER') THEN
        BEGIN
            GRANT anon, authenticated, service_role TO authenticator;
        EXCEPTION WHEN unique_violation THEN
            NULL; -- the other one granted it
        END;
    END IF;
END
$$;

-- What the host does for every table and function that its own role makes in public: our
-- migrations must not rely on "nobody was granted anything".
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;

CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;

CREATE TABLE auth.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The claims of the request's JWT, put there by whoever checked it (transaction-local).
CREATE FUNCTION auth.jwt() RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;

CREATE FUNCTION auth.uid() RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid
$$;

CREATE FUNCTION auth.role() RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
$$;
