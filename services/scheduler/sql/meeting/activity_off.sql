-- A meeting does not take place: the host's row says so and stays.
-- $1 uuid activity
UPDATE public.ce_activities SET status = 'cancelled', updated_at = now() WHERE id = $1
