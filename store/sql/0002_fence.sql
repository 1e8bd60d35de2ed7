-- An attempt that froze while its run went on, closed, and was written down must not add an effect that the closing entry does not
-- list. So closing raises a fence: effects of activities that were scheduled before it are refused.
alter table handover.audit_heads add column fence timestamptz;   -- Temporal's clock, as are the times it is compared with
