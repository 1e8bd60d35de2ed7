-- Up Migration
-- Sessions that an identity provider has ended (OpenID Connect Back-Channel Logout), for every gateway to see. No evidence: what was decided
-- before stands in the audit trail.
create table handover.logouts (
  issuer         text not null,
  jti            text not null,                 -- of the logout token: each counts once
  sub            text,                          -- whose; null where it names the session alone
  sid            text,                          -- which session; null = all that this person had then
  at             timestamptz not null,          -- when it was ended, by the issuer's clock
  primary key (issuer, jti)
);
create index logouts_by_person on handover.logouts (issuer, sub);
create index logouts_by_session on handover.logouts (issuer, sid);
