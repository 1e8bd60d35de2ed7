-- Up Migration
-- What the gateway and the workers share. None of it is evidence: what was decided stands in the audit trail.

-- Statements that have counted: each proves one message, once. `used_by` says which, so that an activity that is repeated is no replay.
create table handover.statements (
  id             text primary key,              -- jti of the statement
  used_by        text not null,                 -- the message: Temporal run id and its number there
  at             timestamptz not null default now()
);

-- Questions that only a worker can answer, since it alone has credentials of target systems. Neither the question nor its answer passes
-- through Temporal's history: a workflow is handed the id.
create table handover.inquiries (
  id             uuid primary key,
  question       text not null,                 -- JSON
  answer         text,                          -- JSON; null until a worker has answered
  at             timestamptz not null default now()
);
create index inquiries_by_age on handover.inquiries (at);

-- Webhooks that were taken in, so that a tool that sends one twice starts and decides nothing twice, over however many gateways.
create table handover.deliveries (
  source         text not null,                 -- the webhook's name in the mapping file
  id             text not null,                 -- what the tool calls the delivery, or the digest of its body
  at             timestamptz not null default now(),
  answer         text,                          -- JSON; null while the first of them is still being worked on
  primary key (source, id)
);
create index deliveries_by_age on handover.deliveries (at);
