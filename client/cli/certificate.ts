/** `handover certificate`: the closing document of an offboarding, with its addenda. */
import type { Command } from '@commander-js/extra-typings';
import { minuteOf } from '../../domain/words.js';
import { clean } from '../clean.js';
import { Problem } from '../problem.js';
import { offboardingNamed } from '../which-run.js';
import { type Context, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';

export function registerCertificate(program: Command, context: Context): void {
  program.addCommand(
    newCommand('certificate')
      .argument('<run>', 'workflow id, directory id, offboarding id, e-mail or login')
      .action((run, options) => inSession(context, options, session => certificate(session, run))),
  );
}

async function certificate({ reach, terminal }: Session, given: string): Promise<number> {
  const { trail } = await reach.store();
  const offboarding = await offboardingNamed(reach, given);
  const documents = await trail.certificates(offboarding);
  if (documents.length === 0)
    throw new Problem('not-found', `There is no certificate of "${given}": a run gets it when it closes.`);
  for (const { number, digest, at, body } of documents) {
    terminal.json({ offboarding, number, digest, at, body: body === null ? null : JSON.parse(body) });
    terminal.say(
      `${number === 0 ? 'Certificate' : `Addendum ${number}`}, ${minuteOf(at)}, SHA-256 ${digest}`,
    );
    if (body === null) terminal.say('  Its body is gone: "handover audit" says whether it was purged.');
    else for (const line of JSON.stringify(JSON.parse(body), null, 2).split('\n')) terminal.say(clean(line));
  }
  return EXIT.done;
}
