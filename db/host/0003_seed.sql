-- Stand-in for the host platform: how development and tests make organisations and people. What
-- the host's own screens do on a real one.

CREATE SCHEMA dev;

CREATE FUNCTION dev.create_organization(p_name text, p_id uuid DEFAULT gen_random_uuid())
RETURNS uuid
LANGUAGE sql AS $$
    WITH made AS (
        INSERT INTO public.pf_organizations (id, name) VALUES (p_id, p_name)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name)
    INSERT INTO public.ce_module_settings (organization_id) VALUES (p_id)
    ON CONFLICT (organization_id) DO UPDATE SET updated_at = now()
    RETURNING organization_id
$$;

-- A person and the membership; for somebody who is there, another membership.
CREATE FUNCTION dev.create_user(p_email text, p_organization uuid,
                                p_id uuid DEFAULT gen_random_uuid())
RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_user uuid;
BEGIN
    INSERT INTO auth.users (id, email) VALUES (p_id, p_email)
    ON CONFLICT (email) DO UPDATE SET email = excluded.email
    RETURNING id INTO v_user;
    INSERT INTO public.pf_users (id, full_name) VALUES (v_user, split_part(p_email, '@', 1))
    ON CONFLICT (id) DO NOTHING;
    INSERT INTO public.pf_organization_members (organization_id, user_id)
    VALUES (p_organization, v_user)
    ON CONFLICT DO NOTHING;
    RETURN v_user;
END
$$;

CREATE FUNCTION dev.grant_role(p_user uuid, p_organization uuid, p_role text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO public.pf_user_role_assignments (user_id, organization_id, role_id)
    SELECT p_user, p_organization, id FROM public.pf_roles WHERE name = p_role
    ON CONFLICT DO NOTHING
$$;

-- One key alone, through a role of that name.
CREATE FUNCTION dev.grant_permission(p_user uuid, p_organization uuid, p_key text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.pf_roles (name) VALUES ('only ' || p_key) ON CONFLICT DO NOTHING;
    INSERT INTO public.pf_role_permissions (role_id, permission_key)
    SELECT id, p_key FROM public.pf_roles WHERE name = 'only ' || p_key
    ON CONFLICT DO NOTHING;
    PERFORM dev.grant_role(p_user, p_organization, 'only ' || p_key);
END
$$;
