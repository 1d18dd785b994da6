-- How long a meeting of the organisation takes where nobody says it.
-- $1 uuid organisation
-- > minutes integer
SELECT calendar_default_meeting_duration_minutes AS minutes
FROM public.ce_module_settings WHERE organization_id = $1
