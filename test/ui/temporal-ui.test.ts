/**
 * Operators with nothing but the real Temporal UI, in a real browser: two people are handed over, one by
 * signals and one by updates. PICTURES=1 also takes the pictures of docs/temporal-ui.md.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seedDemo } from '../../examples/demo/seed.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { startTemporalServer, type TemporalServer } from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { type DemoOutreach, openOutreach } from '../demo/outreach.js';
import { startWorld, type World } from '../support/world.js';
import { findChromium, NO_CHROMIUM, startChromium } from './chromium.js';
import { Operator, PATIENT, type Way } from './operator.js';

const chromium = findChromium();
if (!chromium) console.warn(NO_CHROMIUM);
const album = process.env.PICTURES ? fileURLToPath(new URL('../../docs/pictures', import.meta.url)) : null;
/** A world as large as the docs describe it, or a small one of the same kind. */
const items = album ? undefined : 9_000;

const TASK_QUEUE = 'handover';
const OLIVIA = 'olivia@demo.example';
const PRIYA = 'priya@demo.example';

describe.skipIf(!chromium)(chromium ? 'the Temporal UI' : NO_CHROMIUM, () => {
  let dir: string;
  let temporal: TemporalServer;
  let outreach: DemoOutreach;
  let world: World;
  let browser: Browser;
  let operator: Operator;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'handover-ui-'));
    const say = (): void => {};
    // A server of its own: the shared one has no UI.
    [temporal, browser] = await Promise.all([
      findTemporalCli({ say }).then(({ path }) =>
        startTemporalServer({ cli: path, searchAttributes, logFile: join(dir, 'temporal.log'), say }),
      ),
      startChromium(chromium!),
    ]);
    outreach = await openOutreach();
    world = await startWorld({
      config: 'examples/demo/handover.yaml',
      env: outreach.env,
      seed: urls => seedDemo({ workspaceUrl: urls.workspace!, helpdeskUrl: urls.helpdesk!, items }),
      change: config => {
        config.installation = TASK_QUEUE;
        config.temporal = { ...config.temporal, address: temporal.address, taskQueue: TASK_QUEUE };
      },
    });
    const page = await browser.newPage({ viewport: { width: 1440, height: 960 } });
    operator = new Operator(page, temporal.uiUrl!, album);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail')
      await operator?.page.screenshot({ path: join(tmpdir(), 'temporal-ui-failed.png') });
  });
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
    await outreach?.close();
    await temporal?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('a request that cannot be carried out is answered with the reason on its page', async () => {
    await operator.start(TASK_QUEUE, '{"user": "victor@demo.example"}');
    await expect.poll(() => operator.status(), PATIENT).toBe('Completed');
    await expect.poll(() => operator.result(), PATIENT).toMatch(/not-started.*requestedBy/s);
  });

  // The README's request, as it stands there; Alice's is the run in the pictures.
  test.each<{ login: string; id: string; way: Way; refused: string; because: string; pictures: boolean }>([
    {
      login: 'alice',
      id: '1017',
      way: 'signal',
      refused: 'alice.admin@demo.example',
      because: 'Nobody decides anything about their own offboarding',
      pictures: true,
    },
    {
      login: 'tomas',
      id: '1021',
      way: 'update',
      refused: OLIVIA,
      because: 'is for approvers; Olivia Bennett is not one.',
      pictures: false,
    },
  ])(
    '$login is handed over by $way: started, found, read, refused, acknowledged, approved, completed',
    async person => {
      const picture = (name: string): string | undefined => (person.pictures ? name : undefined);
      const run = `offboarding/${person.id}`;

      const request = await requestOfReadme(person.login);
      await operator.start(TASK_QUEUE, request, picture('start'));
      await expect
        .poll(() => operator.result(), PATIENT)
        .toMatch(new RegExp(`"answer": "started".*"workflowId": "${run}"`, 's'));

      await expect.poll(() => operator.search(`OffboardingLeaver = "${person.id}"`), PATIENT).toEqual([run]);
      await expect
        .poll(() => operator.search('OffboardingWaitingOn = "acknowledgement"', picture('find')), PATIENT)
        .toEqual([run]);
      await operator.open(run);
      await operator.seesInDetails(
        /awaiting-approval.*What to send now.*acknowledge.*"category".*approve.*"plan"/s,
      );
      await operator.seesInDetails(/to be acknowledged/);
      await operator.picture(picture('details'));

      const objection = await operator.send(
        person.way,
        'approve',
        await operator.copy('approve', person.refused),
        {
          objection: person.way === 'update' ? 'refused-update' : undefined,
        },
      );
      // An update is answered in its dialog; a signal has nobody to answer. The details tell both why.
      if (person.way === 'update') expect(objection).toMatch(/^Refused, and nothing was changed/);
      else expect(objection).toBeNull();
      await operator.seesInDetails(`Refused .* approve by ${person.refused}: .*${person.because}`);
      await operator.picture(picture('refused'));
      expect((await world.offboardings.status(run)).approvals).toEqual([]);

      await operator.send(person.way, 'acknowledge', await operator.copy('acknowledge', OLIVIA), {
        list: picture('messages'),
        filled: picture('send'),
      });
      await operator.seesInDetails(/acknowledged by Olivia Bennett/);
      await expect.poll(() => operator.search('OffboardingWaitingOn = "approval"'), PATIENT).toContain(run);
      await operator.open(run);

      await operator.send(person.way, 'approve', await operator.copy('approve', PRIYA));
      await expect.poll(() => operator.status(), { timeout: 60_000 }).toBe('Completed');
      await operator.seesInDetails(/closed \(completed\)/);
      await operator.picture(picture('completed'));
      await expect.poll(() => operator.result(), PATIENT).toMatch(/"outcome": "completed"/);
      await operator.picture(picture('timeline'));
      expect(await operator.search('OffboardingOutcome = "completed"')).toContain(run);

      const status = await world.offboardings.status(run);
      expect(status).toMatchObject({
        outcome: 'completed',
        access: { workspace: 'deactivated' },
        approvals: [{ by: { name: 'Priya Raman' } }],
        refused: [
          { message: 'approve', by: person.refused, reason: expect.stringContaining(person.because) },
        ],
      });
    },
    180_000,
  );
});

async function requestOfReadme(login: string): Promise<string> {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const [, json] = /```json\n(\{ "user": .*\})\n```/.exec(readme)!;
  return json!.replace('alice@', `${login}@`);
}
