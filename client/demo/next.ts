/** What to look at and to try when the story is over: links and commands that work as they stand. */
import { COLLEAGUES, emailOf } from '../../examples/demo/people.js';
import type { Installation } from '../local/installation.js';
import { runLink, startLink } from '../local/links.js';
import { indented, type Screen, shown } from '../local/screen.js';
import { checkoutLine } from '../printed.js';
import type { Cast, Told } from './story.js';

interface WhatNext {
  installation: Installation;
  told: Told;
  cast: Cast;
  screen: Screen;
  /** False when the servers end with this text: then links are of no use yet. */
  staysUp: boolean;
}

/**
 * Offboarded by hand after Alice; the table in examples/demo/README.md says why each of them is interesting.
 */
const NEXT = ['tomas', 'henrik.sato', 'victor'];

export async function whatNext({ installation, told, cast, screen, staysUp }: WhatNext): Promise<void> {
  const c = screen.colours;
  const { temporal } = installation;
  const row = (what: string, how: string): void => screen.line(indented(`${what.padEnd(24)} ${how}`));
  if (!staysUp) {
    row('Temporal UI', c.cyan(runLink(temporal, told)));
    screen.note(
      `It answers while the demo runs: "npm run demo" starts it again with everything that is in ${shown(installation.stateDir)}.`,
    );
    return;
  }
  fitting(told, screen);
  screen.line(c.bold('Look around') + c.dim(' (in a second terminal)'));
  row('This run in Temporal', c.cyan(runLink(temporal, told)));
  if (told.workflowId) row('Every change, verified', checkoutLine('audit', told.workflowId));
  for (const { title, url } of installation.pages) row(`${title} itself`, c.cyan(url));
  const item = await anItem(installation, told);
  if (item) row('Who had this item?', checkoutLine('who-owned', ...item));
  screen.line();

  if (told.done && told.workflowId) {
    screen.line(
      c.bold(`Something lands on ${cast.leaver.name} all the same`) +
        c.dim(' (the sweep looks every day; ask it to look now)'),
    );
    const by = emailOf(cast.operator);
    row('An integration does it', `npm run demo:integration -- ${emailOf(cast.leaver)}`);
    row('The sweep catches it', checkoutLine('sweep', told.workflowId, '--now', '--by', by));
    row('What became of it', checkoutLine('sweep', told.workflowId));
    screen.line();
  }

  const next = await nextPerson(installation, cast);
  if (next) {
    const request = { user: emailOf(next), requestedBy: emailOf(cast.operator) };
    screen.line(
      c.bold(`Offboard ${next.name}, ${next.title}, yourself`) +
        c.dim(" (you decide; what to send next stands in the run's details)"),
    );
    row('In the Temporal UI', c.cyan(startLink(temporal)));
    row('  paste as input', JSON.stringify(request));
    row('Or by command', checkoutLine('start', request.user, '--by', request.requestedBy));
    row('', checkoutLine('status', request.user, '--watch'));
    const fast = ['start', request.user, '--by', request.requestedBy, '--unplanned'];
    row('Or at once, unplanned', `${checkoutLine(...fast)} ${c.dim('(sign-in is cut within seconds)')}`);
    const cover = [...fast.slice(0, 4), '--mode', 'execute-only', '--give-back-at', inThreeMonths()];
    row('Or only covered', `${checkoutLine(...cover)} ${c.dim('(goes back then, or when you say)')}`);
    const { url, token } = installation.gateway;
    row('Or through the gateway', c.cyan(`${url}/openapi.json`));
    if (token) row('  with this token', token);
    row('Or watch it played', `npm run demo -- --user ${request.user} ${c.dim('(here, after Ctrl-C)')}`);
  }
  screen.line();
  screen.line(
    c.dim(
      `Everything stays up until Ctrl-C; what happened is kept in ${shown(installation.stateDir)} for the next start (--fresh forgets it).`,
    ),
  );
}

function inThreeMonths(): string {
  return new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10);
}

/** A run that waits for people: what they can send, as the Temporal UI takes it. */
function fitting({ status, done }: Told, screen: Screen): void {
  const next = done ? [] : (status?.next ?? []);
  if (next.length === 0) return;
  screen.line(
    screen.colours.bold('What fits now') +
      screen.colours.dim(' (in the Temporal UI: Send an Update, with your address in "by")'),
  );
  for (const { message, json, why } of next)
    screen.line(indented(`${message.padEnd(12)} ${JSON.stringify(json)}  ${screen.colours.dim(why)}`));
  screen.line();
}

/** The first item of the largest step, as `who-owned` takes it. */
async function anItem({ store }: Installation, told: Told): Promise<string[] | null> {
  const plan = told.status?.plan;
  const [largest] = (plan?.steps ?? [])
    .filter(step => step.do === 'transfer')
    .sort((a, b) => b.baseline.count - a.baseline.count);
  if (!plan || !largest || largest.baseline.count === 0) return null;
  const key = await store.trail.firstKey(plan.manifest, largest.id);
  return key === null ? null : [key, '--category', largest.id];
}

/** Somebody of the list whom nobody has asked to offboard yet. */
async function nextPerson({ offboardings }: Installation, cast: Cast) {
  const asked = new Set<string>();
  for await (const run of offboardings.list()) asked.add(run.workflowId);
  return NEXT.map(login => COLLEAGUES.find(person => emailOf(person) === `${login}@demo.example`)!).find(
    person => person !== cast.leaver && !asked.has(offboardings.ids.offboarding(String(person.id))),
  );
}
