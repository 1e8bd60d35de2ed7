/**
 * A nightly integration of the demo's workspace that still knows the old owner: it gives open tasks back to somebody
 * who may be switched off by now. While the demo runs, in a second terminal:
 *
 *   npm run demo:integration                        three tasks land on Alice
 *   npm run demo:integration -- tomas@demo.example
 *
 * What the sweep makes of it: docs/sweep.md.
 */
import pg from 'pg';
import { readEnvironment } from '../../client/environment.js';
import { COLLEAGUES, emailOf } from './people.js';

const [email = 'alice@demo.example', stateDir = process.env.HANDOVER_STATE ?? '.handover'] =
  process.argv.slice(2);
const owner = COLLEAGUES.find(person => emailOf(person) === email);
const running = await readEnvironment(stateDir);
if (!owner || !running?.env.DEMO_WORKSPACE_URL) {
  console.error(
    owner
      ? `No demo runs in ${stateDir}: "npm run demo" starts it.`
      : `Nobody in the demo has the address ${email}; examples/demo/README.md says who is there.`,
  );
  process.exit(1);
}
const client = new pg.Client({
  connectionString: running.env.DEMO_WORKSPACE_URL,
  application_name: 'nightly integration',
});
await client.connect();
try {
  const { rows } = await client.query<{ id: string; title: string }>(
    `update public.tasks set assignee_id = $1
      where id in (select id from public.tasks where status <> 'done' and assignee_id <> $1 order by id limit 3)
      returning id::text as id, title`,
    [owner.id],
  );
  console.log(`The integration has given ${owner.name} back:`);
  for (const { id, title } of rows) console.log(`  task ${id}: ${title}`);
} finally {
  await client.end();
}
