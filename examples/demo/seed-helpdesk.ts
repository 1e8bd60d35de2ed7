/**
 * Fills the demo helpdesk: agents and their teams, conversations with what hangs on them, and what fires at
 * its time.
 */
import type { Client } from 'pg';
import { type Filler, withDice } from './dice.js';
import { ALICE, ALICE_AGENT, COLLEAGUES, emailOf } from './people.js';
import type { Volumes } from './volumes.js';
import { WORDS } from './words.js';

const AGENTS = COLLEAGUES.filter(one => one.agent !== undefined);
/** Marta: the only Owner. */
const OWNER = 1006;
/**
 * Agents who can be given something; support twice as often as customer success. Alice's share is dealt
 * apart.
 */
const OTHERS = AGENTS.filter(one => one.id !== ALICE && one.seat !== 'light').flatMap(one =>
  one.team === 'support' ? [one.agent!, one.agent!] : [one.agent!],
);
const WITH_VOICE = AGENTS.filter(one => one.id !== ALICE && one.voice).map(one => one.agent!);
/** Conversations that nobody has been given yet. */
const UNASSIGNED = 400;

/** @returns how many rows were written. */
export async function seedHelpdesk(client: Client, volumes: Volumes): Promise<number> {
  const filler = await withDice(client);
  await agents(filler);
  await routing(filler, volumes);
  await conversations(filler, volumes);
  await onConversations(client, filler, volumes);
  return filler.rows;
}

async function agents({ fill }: Filler): Promise<void> {
  const rows = [
    ...AGENTS.map(one => ({
      id: one.agent,
      name: one.name,
      kind: 'person',
      role: one.id === OWNER ? 'owner' : one.title === 'Support Lead' ? 'supervisor' : 'agent',
      seat: one.seat ?? 'full',
      voice: one.voice ?? false,
    })),
    { id: 900, name: 'Answer Assistant', kind: 'bot', role: 'agent', seat: 'full', voice: false },
    { id: 901, name: 'Queue: Tier 1', kind: 'queue', role: 'agent', seat: 'full', voice: false },
    { id: 902, name: 'Queue: Escalations', kind: 'queue', role: 'agent', seat: 'full', voice: false },
  ];
  await fill(
    `insert into public.agents (id, display_name, kind, role, seat, voice, created_at)
     select id, name, kind, role, seat, voice, pg_temp.today() - interval '1 day' * (100 + pg_temp.dice(id, 1, 900))
     from json_to_recordset($1) as a (id int, name text, kind text, role text, seat text, voice boolean)`,
    [JSON.stringify(rows)],
  );
  // The helpdesk spells addresses as people typed them; Alice signs in with two.
  const addresses = AGENTS.map(one => ({
    address: one.id === ALICE ? 'Alice@Demo.example' : emailOf(one),
    agent: one.agent,
    first: true,
  }));
  addresses.push({ address: 'a.moreno@helpdesk.demo.example', agent: ALICE_AGENT, first: false });
  await fill(
    `insert into public.agent_emails
     select address, agent, first from json_to_recordset($1) as e (address text, agent int, first boolean)`,
    [JSON.stringify(addresses)],
  );
  await fill(
    `insert into public.agent_sessions
     select 'hs_' || md5(id || '/' || n), id, pg_temp.today() - interval '1 hour' * pg_temp.dice(id, n, 20)
     from public.agents, generate_series(1, 2) as n where kind = 'person'`,
  );
}

async function routing({ fill }: Filler, volumes: Volumes): Promise<void> {
  await fill(`insert into public.teams values ('tier-1', 'Tier 1'), ('tier-2', 'Tier 2'), ('vip', 'VIP customers'),
    ('onboarding', 'Onboarding'), ('dach', 'German-speaking')`);
  await fill(
    `insert into public.team_members
     select key, id, pg_temp.today() - interval '1 day' * pg_temp.dice(id, 1, 700)
     from public.teams, public.agents
     where kind = 'person' and case when id = $1 then key in ('vip', 'onboarding', 'dach') else pg_temp.dice(id, hashtext(key), 3) = 0 end`,
    [ALICE_AGENT],
  );
  await fill(
    `insert into public.routing_members
     select channel, id, 3 + pg_temp.dice(id, 2, 5)
     from unnest(array['chat', 'email', 'voice']) as channel, public.agents
     where kind = 'person' and seat = 'full' and (channel <> 'voice' or voice) and (id = $1 or pg_temp.dice(id, hashtext(channel), 3) > 0)`,
    [ALICE_AGENT],
  );
  await fill(
    `insert into public.triggers
     select 'trg_' || substr(md5('trigger' || k), 1, 10), 'Route ' || word || ' (' || k || ')', 'subject contains "' || word || '"',
       case lot when 1 then $2 else pg_temp.pick($3::int[], k, 1) end, true, pg_temp.today() - interval '1 day' * pg_temp.dice(k, 2, 300)
     from (
       select k, lot, pg_temp.pick(array['invoice', 'renewal', 'export', 'sign-on', 'webhook', 'cancel'], k, 3) as word
         from pg_temp.deal($1, 21)) as dealt`,
    [volumes.triggers, ALICE_AGENT, OTHERS],
  );
}

async function conversations({ fill }: Filler, volumes: Volumes): Promise<void> {
  await fill(
    `insert into public.conversations
     select pg_temp.uuid('conversation', k), 10000 + k, pg_temp.pick($3::text[], k, 1),
       pg_temp.pick($4::text[], k, 2) || ' ' || pg_temp.pick($5::text[], k, 3), pg_temp.pick(array['email', 'email', 'chat', 'voice'], k, 4),
       pg_temp.pick(array['en', 'en', 'en', 'de', 'fr', 'es'], k, 5), pg_temp.pick(array['low', 'normal', 'normal', 'normal', 'urgent'], k, 6),
       case when lot in (1, 2, 7) then pg_temp.pick(array['open', 'open', 'pending'], k, 7) when lot in (3, 4) then 'snoozed' else 'closed' end,
       case when lot in (3, 4) then pg_temp.today() + interval '1 hour' * (30 + pg_temp.dice(k, 8, 700)) end,
       case when lot in (1, 3, 5) then $2 when lot < 7 then pg_temp.pick($6::int[], k, 9) end,
       pg_temp.today() - interval '1 minute' * case when lot in (5, 6) then 40000 + pg_temp.dice(k, 10, 400000) else pg_temp.dice(k, 10, 40000) end,
       1 + pg_temp.dice(k, 11, 5)
     from pg_temp.deal($1, 22)`,
    [
      [
        ...volumes.openConversations,
        ...volumes.snoozedConversations,
        ...volumes.closedConversations,
        UNASSIGNED,
      ],
      ALICE_AGENT,
      WORDS.conversation,
      WORDS.firstName,
      WORDS.lastName,
      OTHERS,
    ],
  );
  await fill(
    `insert into public.inbox_entries
     select id, assignee_id, pg_temp.dice(number, 1, 4) = 0 from public.conversations where status <> 'closed'`,
  );
}

/** What hangs on conversations: Alice's on hers, the others' on any of the others. */
async function onConversations(client: Client, { fill }: Filler, volumes: Volumes): Promise<void> {
  await client.query(
    `create temp table places as
     select assignee_id = ${ALICE_AGENT} as hers, row_number() over (partition by assignee_id = ${ALICE_AGENT} order by number) as place, id
     from public.conversations where assignee_id is not null`,
  );
  await client.query('analyze places');
  const on = (counts: string, salt: number, herLots: string): string => `
    from pg_temp.deal(${counts}, ${salt}) as dealt
    join (select hers, count(*)::int as places from places group by hers) as size on size.hers = (lot in (${herLots}))
    join places on places.hers = size.hers and places.place = 1 + pg_temp.dice(k, ${salt}, size.places)`;

  await fill(
    `insert into public.callbacks
     select 80000 + k, places.id, pg_temp.pick(array['callback', 'callback', 'follow-up'], k, 1),
       '+49 30 5550' || lpad(pg_temp.dice(k, 2, 1000)::text, 3, '0'),
       case when lot in (1, 3) then $2 else pg_temp.pick($3::int[], k, 3) end, case when lot <= 2 then 'scheduled' else 'done' end,
       pg_temp.today() + interval '30 minutes' * case when lot <= 2 then 60 + pg_temp.dice(k, 4, 1000) else -20 - pg_temp.dice(k, 4, 9000) end,
       pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 5, 500)
     ${on('$1', 23, '1, 3')}`,
    [[...volumes.callbacks, ...volumes.pastCallbacks], ALICE_AGENT, WITH_VOICE],
  );
  await fill(
    `insert into public.drafts
     select pg_temp.uuid('draft', k), places.id, case lot when 1 then $2 else pg_temp.pick($3::int[], k, 1) end,
       pg_temp.pick($4::text[], k, 2) || ' ...', pg_temp.pick($4::text[], k, 2) || ' ' || pg_temp.pick($5::text[], k, 3),
       pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 4, 400)
     ${on('$1', 24, '1')}`,
    [volumes.drafts, ALICE_AGENT, OTHERS, WORDS.draft, WORDS.note2],
  );
  await fill(
    `insert into public.mentions
     select 400000 + k, places.id, case when lot in (1, 3) then $2 else pg_temp.pick($3::int[], k, 1) end, pg_temp.pick($3::int[], k, 2),
       'Can you take a look? ' || pg_temp.pick($4::text[], k, 3),
       case when lot > 2 then pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 4, 200) end,
       pg_temp.today() - interval '1 hour' * (200 + pg_temp.dice(k, 5, 500))
     ${on('$1', 25, '1, 3')}`,
    [[...volumes.unreadMentions, ...volumes.readMentions], ALICE_AGENT, OTHERS, WORDS.note2],
  );
  await fill(
    `insert into public.internal_notes
     select 900000 + k, places.id, case lot when 1 then $2 else pg_temp.pick($3::int[], k, 1) end, pg_temp.pick($4::text[], k, 2),
       pg_temp.today() - interval '1 hour' * pg_temp.dice(k, 3, 9000)
     ${on('$1', 26, '1')}`,
    [volumes.internalNotes, ALICE_AGENT, OTHERS, WORDS.note2],
  );
  await fill(
    `insert into public.audit_events
     select 70000000 + k, case lot when 1 then $2 else pg_temp.pick($3::int[], k, 1) end,
       pg_temp.pick(array['signed in', 'closed a conversation', 'changed a macro', 'exported a report', 'merged two conversations'], k, 2),
       pg_temp.today() - interval '1 minute' * pg_temp.dice(k, 3, 500000)
     from pg_temp.deal($1, 27)`,
    [volumes.auditEvents, ALICE_AGENT, OTHERS],
  );
}
