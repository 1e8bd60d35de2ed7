/**
 * Fills the demo workspace: people first, then customers, work, sales, processes, mail, personal things and
 * memberships.
 */
import type { Client } from 'pg';
import { type Filler, withDice } from './dice.js';
import {
  ALICE,
  BRUNO,
  COLLEAGUES,
  type Colleague,
  emailOf,
  GUESTS,
  headOf,
  isSender,
  loginOf,
  MACHINES,
  TEAMS,
  type Team,
} from './people.js';
import type { Volumes } from './volumes.js';
import { WORDS } from './words.js';

/** Ids of people who can be given something; Alice's share is dealt apart. */
const others = COLLEAGUES.filter(one => one.id !== ALICE && one.alsoKnownAs === undefined);
const active = others.filter(one => !one.inactive);
const ids = (people: Colleague[]): number[] => people.map(one => one.id);
const members = (...teams: Team[]): Colleague[] => active.filter(one => teams.includes(one.team));
/** Henrik left long ago, and a little still stands under his name. */
const HENRIK = others.filter(one => one.inactive).map(one => one.id);
const TOMAS = 1021;

const CSMS = [
  ...Array<number[]>(4)
    .fill(ids(members('customer-success')))
    .flat(),
  ...HENRIK,
];
const SALES = [...ids(members('sales')), TOMAS];
const CUSTOMER_FACING = [...CSMS, ...ids(members('sales', 'sales', 'support'))];
const EVERYBODY = ids(active);
const APPROVERS = ids(active.filter(one => one.approves));
const SENDERS = ids(active.filter(isSender));

/** @returns how many rows were written. */
export async function seedWorkspace(client: Client, volumes: Volumes): Promise<number> {
  const filler = await withDice(client);
  await people(filler);
  const companies = await customers(filler, volumes);
  await guests(filler);
  await work(filler, volumes, companies);
  await sales(filler, volumes, companies);
  await inflow(filler, volumes);
  await approvals(filler, volumes);
  await mail(filler, volumes, companies);
  await personal(filler, volumes);
  await memberships(filler);
  return filler.rows;
}

async function people({ fill }: Filler): Promise<void> {
  await fill(
    `insert into public.teams select * from json_to_recordset($1) as t (key text, name text, region text)`,
    [JSON.stringify(TEAMS)],
  );
  const rows = [
    ...MACHINES.map(one => ({
      ...one,
      person_no: `S-${one.id}`,
      role: 'member',
      email: emailOf(one),
      seat: 'none',
    })),
    ...COLLEAGUES.map(one => ({
      id: one.id,
      person_no: `P-${one.alsoKnownAs ?? one.id}`,
      name: one.name,
      email: emailOf(one),
      login: loginOf(one),
      title: one.title,
      kind: 'human',
      role: one.role ?? 'member',
      reviews: one.reviews,
      approves: one.approves,
      team: one.team,
      manager:
        one.manager === undefined ? (headOf(one.team) === one.id ? 1001 : headOf(one.team)) : one.manager,
      territory: ['emea', 'amer', 'apac'][one.id % 3],
      status: one.inactive ? 'inactive' : 'active',
      seat: one.inactive ? 'none' : 'full',
    })),
  ];
  await fill(
    `insert into public.users
       (id, person_no, full_name, email, login, title, kind, role, reviews_offboardings, can_approve, team, manager_id, territory,
        status, seat, deactivated_at, created_at, updated_at)
     select id, person_no, name, email, login, title, kind, role, coalesce(reviews, false), coalesce(approves, false), team, manager,
       territory, coalesce(status, 'active'), seat, case when status = 'inactive' then pg_temp.today() - interval '80 days' end,
       pg_temp.today() - interval '1 day' * (200 + pg_temp.dice(id, 1, 1200)), pg_temp.today() - interval '1 day' * pg_temp.dice(id, 2, 60)
     from json_to_recordset($1) as p (id bigint, person_no text, name text, email text, login text, title text, kind text, role text,
       reviews boolean, approves boolean, team text, manager bigint, territory text, status text, seat text)`,
    [JSON.stringify(rows)],
  );
  await fill(
    `insert into public.sessions
     select 'sess_' || md5(id || '/' || n), id, (array['Firefox on Linux', 'Chrome on Windows', 'Safari on iPhone'])[n],
       pg_temp.today() - interval '1 hour' * pg_temp.dice(id, n, 90)
     from public.users, generate_series(1, case when id = $1 then 3 else 1 + pg_temp.dice(id, 3, 2) end) as n
     where kind = 'human' and status = 'active'`,
    [ALICE],
  );
}

async function guests({ fill }: Filler): Promise<void> {
  const rows = GUESTS.map(one => ({ ...one, login: `${loginOf(one)}@${one.domain}` }));
  await fill(
    `insert into public.users (id, person_no, full_name, email, login, title, kind, role, company_id, seat, created_at, updated_at)
     select id, 'G-' || id, name, login, login, 'Guest', 'guest', 'guest', company, 'none',
       pg_temp.today() - interval '1 day' * pg_temp.dice(id, 1, 400), pg_temp.today() - interval '1 day' * pg_temp.dice(id, 2, 60)
     from json_to_recordset($1) as p (id bigint, name text, login text, company bigint)`,
    [JSON.stringify(rows)],
  );
}

/** Companies are 100001 ... 100000 + n. @returns n. */
async function customers({ fill }: Filler, volumes: Volumes): Promise<number> {
  const counts = [...volumes.activeCompanies, ...volumes.churnedCompanies];
  const companies = counts.reduce((n, count) => n + count, 0);
  // Neither field follows the other: the account manager is dealt anew among the active companies, a few
  // without one.
  await fill(
    `insert into public.companies
     select 100000 + k,
       case k when 1 then 'Norrland Steel' when 2 then 'Brightwater Foods' else one || ' ' || two || ' ' || pg_temp.pick($4::text[], k, 1) end,
       case k when 1 then 'norrland-steel' when 2 then 'brightwater-foods'
         else lower(one || '-' || two) || coalesce('-' || nullif((k - 1) / 3600, 0), '') end
         || '.example',
       pg_temp.pick(array['emea', 'emea', 'emea', 'amer', 'amer', 'apac'], k, 2),
       pg_temp.pick(array['enterprise', 'mid-market', 'mid-market', 'startup'], k, 3),
       case when lot <= 2 then 'active' else 'churned' end,
       20 + pg_temp.dice(k, 4, 81), 2400 + 60 * pg_temp.dice(k, 5, 2000),
       case when lot in (1, 3) then $5 else pg_temp.pick($6::bigint[], k, 6) end,
       case
         when lot <= 2 and turn <= $7 then $8
         when lot <= 2 and turn <= $7 + $9 then pg_temp.pick($10::text[], k, 7)
         when lot = 3 then $8
       end,
       pg_temp.pick($11::bigint[], k, 8), pg_temp.today() - interval '1 day' * (90 + pg_temp.dice(k, 9, 1400)),
       pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 10, 2000), pg_temp.dice(k, 11, 9)
     from (
       select k, lot, ($2::text[])[1 + (k * 1327) % 3600 % 60] as one, ($3::text[])[1 + (k * 1327) % 3600 / 60] as two,
         row_number() over (partition by lot <= 2 order by hashint8extended(k, 12)) as turn
       from pg_temp.deal($1, 1)
     ) as dealt`,
    [
      counts,
      WORDS.companyFirst,
      WORDS.companySecond,
      WORDS.companyForm,
      ALICE,
      CSMS,
      volumes.accountManaged[0],
      emailOf(COLLEAGUES.find(one => one.id === ALICE)!),
      volumes.accountManaged[1],
      [...members('sales'), ...members('customer-success')].map(emailOf),
      EVERYBODY,
    ],
  );

  await fill(`insert into public.custom_fields values
    ('onboarding_lead', 'Onboarding lead', 'user'), ('executive_sponsor', 'Executive sponsor', 'user'),
    ('tech_stack', 'Tech stack', 'text'), ('employees', 'Employees', 'number')`);
  const stride = Math.max(
    1,
    Math.floor((2 * companies) / (volumes.customFields[0] + volumes.customFields[1] + 2)),
  );
  await fill(
    `insert into public.custom_field_values (company_id, field, user_id, updated_at)
     select 100001 + (k - 1) / 2 * $3::int, (array['onboarding_lead', 'executive_sponsor'])[1 + (k - 1) % 2],
       case lot when 1 then $2 else pg_temp.pick($4::bigint[], k, 1) end, pg_temp.today() - interval '1 day' * pg_temp.dice(k, 2, 300)
     from pg_temp.deal($1, 2)`,
    [volumes.customFields, ALICE, stride, EVERYBODY],
  );
  await fill(
    `insert into public.custom_field_values (company_id, field, text_value, updated_at)
     select id, 'employees', (10 + pg_temp.dice(id, 1, 5000))::text, pg_temp.today() - interval '1 day' * pg_temp.dice(id, 2, 300)
     from public.companies where id % 10 = 0`,
  );

  // Alice follows some, Bruno some of the same (he must not follow them twice afterwards), others what they
  // like.
  await fill(
    `insert into public.company_followers
     select 700000 + row_number() over (order by company_id, user_id), company_id, user_id,
       pg_temp.today() - interval '1 day' * pg_temp.dice(company_id, user_id, 500)
     from (
       (select id as company_id, $1::bigint as user_id from public.companies order by hashint8extended(id, 1) limit $2)
       union
       (select id, $3 from public.companies order by hashint8extended(id, 1) limit $2 / 5)
       union
       select 100001 + pg_temp.dice(n, 2, $4), pg_temp.pick($5::bigint[], n, 3) from generate_series(1, $6::int) as n
     ) as follower`,
    [ALICE, volumes.followed[0], BRUNO, companies, CUSTOMER_FACING, volumes.followed[1]],
  );

  await fill(
    `insert into public.contacts
     select 2000000 + k, company, one || ' ' || two, lower(one || '.' || two) || '@' || domain, owner, updated
     from (
       select k, 100001 + pg_temp.dice(k, 1, $3) as company, pg_temp.pick($4::text[], k, 2) as one, pg_temp.pick($5::text[], k, 3) as two,
         case lot when 1 then $2::bigint else pg_temp.pick($6::bigint[], k, 4) end as owner,
         pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 5, 4000) as updated
       from pg_temp.deal($1, 3)
     ) as dealt
     join public.companies on companies.id = company`,
    [volumes.contacts, ALICE, companies, WORDS.firstName, WORDS.lastName, CUSTOMER_FACING],
  );
  await fill(
    `insert into public.notes
     select pg_temp.uuid('note', k), 100001 + pg_temp.dice(k, 1, $3), case lot when 1 then $2 else pg_temp.pick($4::bigint[], k, 2) end,
       pg_temp.pick($5::text[], k, 3), pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 4, 9000)
     from pg_temp.deal($1, 4)`,
    [volumes.notes, ALICE, companies, CUSTOMER_FACING, WORDS.note],
  );
  await fill(
    `insert into public.activity_log
     select 50000000 + k, 100001 + pg_temp.dice(k, 1, $3), case lot when 1 then $2 else pg_temp.pick($4::bigint[], k, 2) end,
       pg_temp.pick($5::text[], k, 3), pg_temp.today() - interval '1 minute' * pg_temp.dice(k, 4, 900000)
     from pg_temp.deal($1, 5)`,
    [volumes.activities, ALICE, companies, [...CUSTOMER_FACING, 1], WORDS.activity],
  );
  return companies;
}

async function work({ fill }: Filler, volumes: Volumes, companies: number): Promise<void> {
  // 2^53 + 1 and up, as text everywhere but here.
  await fill(
    `insert into public.tasks
     select 9007199254740992 + k, 100001 + pg_temp.dice(k, 1, $3), pg_temp.pick($4::text[], k, 2),
       case when lot > 2 then 'done' else pg_temp.pick(array['open', 'open', 'open', 'in_progress'], k, 3) end,
       pg_temp.pick(array['low', 'normal', 'normal', 'high'], k, 4),
       pg_temp.today()::date + case when lot > 2 then -20 - pg_temp.dice(k, 5, 400) else pg_temp.dice(k, 5, 70) - 10 end,
       case when lot in (1, 3) then $2 else pg_temp.pick($5::bigint[], k, 6) end,
       case when lot in (1, 3) and pg_temp.dice(k, 7, 5) < 2 then $2 else pg_temp.pick($6::bigint[], k, 8) end,
       pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 9, 3000), pg_temp.dice(k, 10, 6)
     from pg_temp.deal($1, 6)`,
    [[...volumes.openTasks, ...volumes.doneTasks], ALICE, companies, WORDS.task, CUSTOMER_FACING, EVERYBODY],
  );
  await fill(
    `insert into public.playbooks
     select n, pg_temp.pick(array['Onboarding', 'Adoption', 'Renewal', 'Rescue', 'Expansion'], n, 1) || ' ' || n, n % 9 <> 0
     from generate_series(1, 26) as n`,
  );
  await fill(
    `insert into public.playbook_steps
     select 1 + (k - 1) / 10, 1 + (k - 1) % 10, case when lot <= 2 then 'task' else 'email' end,
       case when lot <= 2 then pg_temp.pick($3::text[], k, 1) else pg_temp.pick($4::text[], k, 2) end,
       case lot when 1 then $2 when 2 then pg_temp.pick($5::bigint[], k, 3) end,
       case lot when 3 then $2 when 4 then pg_temp.pick($6::bigint[], k, 4) end,
       pg_temp.today() - interval '1 day' * pg_temp.dice(k, 5, 300)
     from pg_temp.deal($1, 7)`,
    [
      [...volumes.taskSteps, ...volumes.emailSteps],
      ALICE,
      WORDS.task,
      WORDS.scheduled,
      CUSTOMER_FACING,
      SENDERS,
    ],
  );
  await fill(
    `insert into public.lifecycle_stages
     select (life - 1) * 6 + n, (array['Standard', 'Enterprise', 'Self-service'])[life],
       (array['Onboarding', 'Adoption', 'Value', 'Growth', 'Renewal', 'Offboarding'])[n], n
     from generate_series(1, 3) as life, generate_series(1, 6) as n`,
  );
  await fill(
    `insert into public.lifecycle_tasks
     select k, 1 + (k - 1) % 18, pg_temp.pick($3::text[], k, 1), case lot when 1 then $2 else pg_temp.pick($4::bigint[], k, 2) end,
       pg_temp.today() - interval '1 day' * pg_temp.dice(k, 3, 300)
     from pg_temp.deal($1, 8)`,
    [volumes.lifecycleTasks, ALICE, WORDS.task, CUSTOMER_FACING],
  );
  await fill(
    `insert into public.automations
     select k,
       pg_temp.pick(
         array['Warn on low health', 'Welcome new contacts', 'Close stale tasks', 'Tag renewals', 'Copy to the data lake'], k, 1) || ' ' || k,
       pg_temp.pick(array['every night', 'on company change', 'on new contact', 'on stage change'], k, 2), lot <= 2,
       case when lot in (1, 3) then $2 else pg_temp.pick($3::bigint[], k, 3) end, pg_temp.today() - interval '1 day' * pg_temp.dice(k, 4, 300)
     from pg_temp.deal($1, 9)`,
    [[...volumes.automations, 2, 14], ALICE, EVERYBODY],
  );
}

async function sales({ fill }: Filler, volumes: Volumes, companies: number): Promise<void> {
  await fill(
    `insert into public.opportunities
     select 600000 + k, company, title || ' · ' || companies.name, companies.territory, stage, amount, closes, owner, updated, 1
     from (
       select k, 100001 + pg_temp.dice(k, 1, $3) as company, pg_temp.pick($4::text[], k, 2) as title,
         case when lot <= 2 then pg_temp.pick(array['discovery', 'proposal', 'negotiation'], k, 3)
           else pg_temp.pick(array['won', 'lost'], k, 3) end as stage,
         900 + 50 * pg_temp.dice(k, 4, 1500) as amount,
         pg_temp.today()::date + case when lot <= 2 then pg_temp.dice(k, 5, 180) else -1 - pg_temp.dice(k, 5, 700) end as closes,
         case when lot in (1, 3) then $2::bigint else pg_temp.pick($5::bigint[], k, 6) end as owner,
         pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 7, 3000) as updated
       from pg_temp.deal($1, 10)
     ) as dealt
     join public.companies on companies.id = company`,
    [
      [...volumes.openOpportunities, ...volumes.closedOpportunities],
      ALICE,
      companies,
      WORDS.opportunity,
      SALES,
    ],
  );
  await fill(
    `insert into public.forecast_lines
     select id, owner_id, to_char(closes_on, 'YYYY"-Q"Q'),
       amount_eur * case stage when 'discovery' then 0.2 when 'proposal' then 0.5 else 0.8 end
     from public.opportunities where stage in ('discovery', 'proposal', 'negotiation')`,
  );
  await fill(
    `insert into public.leads
     select 300000 + k, pg_temp.pick($3::text[], k, 1) || ' ' || pg_temp.pick($4::text[], k, 2),
       pg_temp.pick($5::text[], k, 3) || ' ' || pg_temp.pick($6::text[], k, 4), pg_temp.pick($7::text[], k, 5),
       pg_temp.pick(array['emea', 'emea', 'amer', 'apac'], k, 6),
       case when lot <= 2 then pg_temp.pick(array['new', 'contacted', 'qualified'], k, 7) else 'disqualified' end,
       case when lot in (1, 3) then $2 else pg_temp.pick($8::bigint[], k, 8) end, pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 9, 2000)
     from pg_temp.deal($1, 11)`,
    [
      [...volumes.openLeads, ...volumes.disqualifiedLeads],
      ALICE,
      WORDS.companyFirst,
      WORDS.companySecond,
      WORDS.firstName,
      WORDS.lastName,
      WORDS.source,
      SALES,
    ],
  );
}

async function inflow({ fill }: Filler, volumes: Volumes): Promise<void> {
  await fill(
    `insert into public.assignment_rules
     select k, initcap(object) || 's from ' || place, object, 'territory = ''' || place || '''',
       case lot when 1 then $2 else pg_temp.pick($3::bigint[], k, 1) end, true, pg_temp.today() - interval '1 day' * pg_temp.dice(k, 2, 300)
     from (
       select k, lot, pg_temp.pick(array['lead', 'company', 'task'], k, 3) as object,
         pg_temp.pick(array['Berlin', 'Munich', 'Paris', 'Madrid', 'Boston', 'Austin', 'Osaka', 'Sydney'], k, 4) as place
       from pg_temp.deal($1, 12)
     ) as dealt`,
    [volumes.assignmentRules, ALICE, CUSTOMER_FACING],
  );
  await fill(`insert into public.rotations values ('inbound-leads', 'Inbound leads'), ('trial-sign-ups', 'Trial sign-ups'),
    ('new-customers', 'New customers'), ('renewal-desk', 'Renewal desk'), ('webinar-leads', 'Webinar leads'), ('health-alerts', 'Health alerts')`);
  await fill(
    `insert into public.rotation_members
     select key, users.id, row_number() over (partition by key order by users.id)
     from public.rotations, public.users
     where users.status = 'active'
       and case when users.id = $1 then key in ('new-customers', 'renewal-desk', 'health-alerts')
                else users.id = any ($2::bigint[]) and pg_temp.dice(users.id, hashtext(key), 3) = 0 end`,
    [ALICE, CUSTOMER_FACING],
  );
}

async function approvals({ fill }: Filler, volumes: Volumes): Promise<void> {
  await fill(`insert into public.approval_processes values
    ('discount', 'Discount above 15 %', 'opportunity'), ('contract', 'Contract outside the standard', 'opportunity'),
    ('credit-note', 'Credit note', 'invoice'), ('refund', 'Refund', 'invoice'), ('churn-save', 'Save offer', 'company'),
    ('data-export', 'Customer data export', 'company'), ('price-list', 'Price list change', 'product'), ('travel', 'Customer visit', 'travel')`);
  await fill(
    `insert into public.approval_steps
     select (array['discount', 'contract', 'credit-note', 'refund', 'churn-save', 'data-export', 'price-list', 'travel'])[1 + (k - 1) / 5],
       1 + (k - 1) % 5, (array['Team lead', 'Account review', 'Finance', 'Legal', 'Final word'])[1 + (k - 1) % 5],
       case lot when 1 then $2 else pg_temp.pick($3::bigint[], k, 1) end, pg_temp.today() - interval '1 day' * pg_temp.dice(k, 2, 500)
     from pg_temp.deal($1, 13)`,
    [volumes.approvalSteps, ALICE, APPROVERS],
  );
  await fill(
    `insert into public.pending_approvals
     select pg_temp.uuid('approval', k), pg_temp.pick(array['discount', 'contract', 'credit-note', 'churn-save'], k, 1),
       pg_temp.pick($4::text[], k, 2) || ' for ' || pg_temp.pick($5::text[], k, 3) || ' ' || pg_temp.pick($6::text[], k, 4),
       100 + 10 * pg_temp.dice(k, 5, 900), pg_temp.pick($7::bigint[], k, 6),
       case when lot in (1, 3) then $2 else pg_temp.pick($3::bigint[], k, 7) end,
       case when lot <= 2 then 'pending' else pg_temp.pick(array['approved', 'approved', 'rejected'], k, 8) end,
       pg_temp.today() - interval '1 hour' * case when lot <= 2 then pg_temp.dice(k, 9, 200) else 200 + pg_temp.dice(k, 9, 8000) end
     from pg_temp.deal($1, 14)`,
    [
      [...volumes.pendingApprovals, ...volumes.decidedApprovals],
      ALICE,
      APPROVERS,
      ['12 % discount', '20 % discount', 'Longer payment term', 'Credit note', 'Two months free'],
      WORDS.companyFirst,
      WORDS.companySecond,
      [...EVERYBODY, ALICE],
    ],
  );
}

async function mail({ fill }: Filler, volumes: Volumes, companies: number): Promise<void> {
  // Alice has two mailboxes. Nina's was disconnected long ago: she cannot send.
  const mailboxes = [...active, ...COLLEAGUES.filter(one => one.id === ALICE)].filter(isSender).map(one => ({
    id: `mbx_gmail_${one.id}`,
    user: one.id,
    provider: 'gmail',
    address: emailOf(one),
    status: 'connected',
  }));
  mailboxes.push({
    id: `mbx_outlook_${ALICE}`,
    user: ALICE,
    provider: 'outlook',
    address: 'alice.moreno@partners.example',
    status: 'connected',
  });
  mailboxes.push({
    id: 'mbx_gmail_1036',
    user: 1036,
    provider: 'gmail',
    address: 'nina.okafor@demo.example',
    status: 'disconnected',
  });
  await fill(
    `insert into public.connected_mailboxes
     select id, "user", provider, address, status, case status when 'connected' then 'rt_' || md5(id) end,
       pg_temp.today() - interval '1 day' * pg_temp.dice("user", 1, 600)
     from json_to_recordset($1) as m (id text, "user" bigint, provider text, address text, status text)`,
    [JSON.stringify(mailboxes)],
  );
  await fill(
    `insert into public.signatures
     select users.id, name, '<p>' || full_name || '<br>' || title || '</p>', name = 'Default'
     from public.users, unnest(array['Default', 'Short', 'Renewals']) as name
     where users.id = $1 or (users.id = any ($2::bigint[]) and name = 'Default')`,
    [ALICE, SENDERS],
  );
  await fill(
    `insert into public.scheduled_emails
     select pg_temp.uuid('scheduled', k), case lot when 1 then $2 else pg_temp.pick($3::bigint[], k, 1) end,
       100001 + pg_temp.dice(k, 2, $4), pg_temp.pick($5::text[], k, 3), 'queued',
       pg_temp.today() + interval '1 hour' * (30 + pg_temp.dice(k, 4, 1000))
     from pg_temp.deal($1, 15)`,
    [volumes.scheduledEmails, ALICE, SENDERS, companies, WORDS.scheduled],
  );
  await fill(
    `insert into public.email_conversations
     select pg_temp.uuid('mail', k), 100001 + pg_temp.dice(k, 1, $3), case lot when 1 then $2 else pg_temp.pick($4::bigint[], k, 2) end,
       pg_temp.pick($5::text[], k, 3), pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 4, 6000)
     from pg_temp.deal($1, 16)`,
    [volumes.emailConversations, ALICE, companies, CUSTOMER_FACING, WORDS.mail],
  );
}

async function personal({ fill }: Filler, volumes: Volumes): Promise<void> {
  await fill(
    `insert into public.dashboards
     select pg_temp.uuid('dashboard', k), pg_temp.pick($3::text[], k, 1), case lot when 1 then $2 else pg_temp.pick($4::bigint[], k, 2) end,
       pg_temp.dice(k, 3, 3) = 0, pg_temp.today() - interval '1 day' * pg_temp.dice(k, 4, 300)
     from pg_temp.deal($1, 17)`,
    [volumes.dashboards, ALICE, WORDS.dashboard, EVERYBODY],
  );
  await fill(
    `insert into public.saved_views
     select pg_temp.uuid('view', k), case when lot <= 2 then 'insights' else 'customer-list' end, pg_temp.pick($3::text[], k, 1),
       case when lot in (1, 3) then $2 else pg_temp.pick($4::bigint[], k, 2) end,
       jsonb_build_object('territory', pg_temp.pick(array['emea', 'amer', 'apac'], k, 3), 'health_below', 10 * pg_temp.dice(k, 4, 10)),
       pg_temp.today() - interval '1 day' * pg_temp.dice(k, 5, 300)
     from pg_temp.deal($1, 18)`,
    [[...volumes.insightViews, ...volumes.customerViews], ALICE, WORDS.view, EVERYBODY],
  );
  // Alice has three tokens that work and one that was revoked.
  await fill(
    `insert into public.api_tokens
     select 'tok_' || substr(md5(users.id || '/' || n), 1, 20), users.id,
       (array['Spreadsheet sync', 'Laptop scripts', 'Slide export', 'Old laptop'])[n],
       case when n < 4 then 'wsk_' || md5('secret' || users.id || n) end,
       case n when 1 then array['read', 'write'] else array['read'] end, pg_temp.today() - interval '1 hour' * pg_temp.dice(users.id, n, 900),
       case when n = 4 then pg_temp.today() - interval '90 days' end
     from public.users, generate_series(1, 4) as n
     where users.kind in ('human', 'service') and users.status = 'active' and (users.id = $1 or pg_temp.dice(users.id, 10 + n, 4) = 0)`,
    [ALICE],
  );
}

async function memberships({ fill }: Filler): Promise<void> {
  await fill(`insert into public.groups values
    ('everyone', 'Everyone'), ('customer-success', 'Customer Success'), ('emea', 'EMEA'), ('enterprise-accounts', 'Enterprise accounts'),
    ('beta-programme', 'Beta programme'), ('data-protection', 'Data protection'), ('champions', 'Champions'), ('book-club', 'Book club'),
    ('sales', 'Sales'), ('on-call', 'On call'), ('price-committee', 'Price committee'), ('travel', 'Travel')`);
  await fill(
    `insert into public.group_members
     select key, users.id, pg_temp.today() - interval '1 day' * pg_temp.dice(users.id, 1, 900)
     from public.groups, public.users
     where users.kind = 'human' and users.status = 'active'
       and case when users.id = $1
         then key in ('everyone', 'customer-success', 'emea', 'enterprise-accounts', 'beta-programme', 'champions', 'price-committee')
         else key = 'everyone' or key = users.team or pg_temp.dice(users.id, hashtext(key), 4) = 0 end`,
    [ALICE],
  );
  await fill(`insert into public.queues values ('renewals', 'Renewals'), ('onboarding', 'Onboarding'), ('escalations', 'Escalations'),
    ('data-requests', 'Data requests'), ('trials', 'Trials'), ('invoices', 'Invoices')`);
  await fill(
    `insert into public.queue_members
     select key, users.id, pg_temp.today() - interval '1 day' * pg_temp.dice(users.id, 2, 900)
     from public.queues, public.users
     where users.kind = 'human' and users.status = 'active'
       and case when users.id = $1 then key in ('renewals', 'onboarding', 'escalations', 'trials')
                else pg_temp.dice(users.id, hashtext(key), 4) = 1 end`,
    [ALICE],
  );
}
