-- Stand-in for the host platform: the tables and the permission check that calfleet plugs into.

CREATE TABLE public.pf_organizations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.pf_users (
    id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE,
    full_name text
);

CREATE TABLE public.pf_organization_members (
    organization_id uuid NOT NULL REFERENCES public.pf_organizations ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    PRIMARY KEY (user_id, organization_id)
);
CREATE INDEX ON public.pf_organization_members (organization_id);

CREATE TABLE public.pf_roles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE
);

CREATE TABLE public.pf_role_permissions (
    role_id uuid NOT NULL REFERENCES public.pf_roles ON DELETE CASCADE,
    permission_key text NOT NULL,
    PRIMARY KEY (role_id, permission_key)
);

CREATE TABLE public.pf_user_role_assignments (
    user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES public.pf_organizations ON DELETE CASCADE,
    role_id uuid NOT NULL REFERENCES public.pf_roles ON DELETE CASCADE,
    PRIMARY KEY (user_id, organization_id, role_id)
);

INSERT INTO public.pf_roles (name) VALUES ('org_admin');
INSERT INTO public.pf_role_permissions
SELECT r.id, k.key
FROM public.pf_roles r,
    (VALUES ('ce.calendar.connect'), ('ce.calendar.schedule'),
            ('ce.calendar.view'), ('ce.calendar.view-all')) AS k (key)
WHERE r.name = 'org_admin';

-- The host's own check. It knows no organisation: membership is checked beside it
-- (calfleet.user_may).
CREATE FUNCTION public.pf_user_has_permission(p_user_id uuid, p_permission_key text)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM public.pf_user_role_assignments a
        JOIN public.pf_role_permissions p USING (role_id)
        WHERE a.user_id = p_user_id AND p.permission_key = p_permission_key)
$$;

CREATE TABLE public.pf_notifications (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES public.pf_organizations ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    type text NOT NULL,
    title text NOT NULL,
    message text,
    data jsonb NOT NULL DEFAULT '{}',
    scheduled_for timestamptz,
    read_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.ce_activities (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES public.pf_organizations ON DELETE CASCADE,
    created_by uuid REFERENCES auth.users ON DELETE SET NULL,
    activity_type text NOT NULL,
    subject text NOT NULL,
    description text,
    status text NOT NULL DEFAULT 'planned',
    starts_at timestamptz,
    ends_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON public.ce_activities (organization_id, starts_at);

-- One row an organisation; the calendar columns are added by calfleet's migrations where the host
-- does not have them.
CREATE TABLE public.ce_module_settings (
    organization_id uuid PRIMARY KEY REFERENCES public.pf_organizations ON DELETE CASCADE,
    updated_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE public.pf_organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pf_users ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pf_organization_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pf_roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pf_role_permissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pf_user_role_assignments ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pf_notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.ce_activities ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.ce_module_settings ENABLE ROW LEVEL SECURITY;

CREATE POLICY member_self ON public.pf_organization_members FOR SELECT TO authenticated
    USING (user_id = auth.uid());
CREATE POLICY member_reads ON public.pf_organizations FOR SELECT TO authenticated
    USING (id IN (SELECT organization_id FROM public.pf_organization_members));
CREATE POLICY own ON public.pf_users TO authenticated USING (id = auth.uid());
CREATE POLICY own ON public.pf_notifications TO authenticated USING (user_id = auth.uid());
CREATE POLICY member_reads ON public.ce_module_settings FOR SELECT TO authenticated
    USING (organization_id IN (SELECT organization_id FROM public.pf_organization_members));
CREATE POLICY member_all ON public.ce_activities TO authenticated
    USING (organization_id IN (SELECT organization_id FROM public.pf_organization_members));
