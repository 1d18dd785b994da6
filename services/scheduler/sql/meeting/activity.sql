-- The host's row for a meeting: made, or brought up to date.
-- $1 uuid activity
-- $2 uuid organisation
-- $3 uuid organiser
-- $4 text subject
-- $5 text description; null: none
-- $6 timestamptz start
-- $7 timestamptz end
INSERT INTO public.ce_activities (id, organization_id, created_by, activity_type, subject,
    description, status, starts_at, ends_at)
VALUES ($1, $2, $3, 'meeting', $4, $5, 'planned', $6, $7)
ON CONFLICT (id) DO UPDATE SET subject = excluded.subject, description = excluded.description,
    starts_at = excluded.starts_at, ends_at = excluded.ends_at, updated_at = now()
