/** The evidence in order of time, as sentences for people and as values for programs. */
import { type Elsewhere, sayElsewhere, summed } from '../../domain/consequences.js';
import { type SummedFlood, sayFlood } from '../../domain/flood.js';
import { identityWords } from '../../domain/people.js';
import { number } from '../../domain/words.js';
import type { AuditEntry } from '../../store/audit.js';
import type { ReceiptRow } from '../../store/trail.js';
import type { Evidence } from './evidence.js';
import type { Happening } from './history.js';

/** Every single thing that was recorded, oldest first. */
export function timeline(evidence: Evidence): Happening[] {
  const all = [
    ...evidence.chain.entries.map(entry => fromChain(entry)),
    ...evidence.receipts.map(fromReceipt),
    ...evidence.archives.flatMap(row => row.history?.happenings(row.run) ?? []),
    ...evidence.live.flatMap(one => one.history.happenings(one.run)),
    ...evidence.archives.map(fromArchive),
    ...evidence.afterwards.flatMap(fromAfter),
    ...evidence.certificates.map(
      (row): Happening => ({
        at: row.at,
        kind: 'certificate',
        source: 'archive',
        sentence: `${row.number === 0 ? 'certificate' : `addendum ${row.number}`} ${row.digest}${row.gone ? ` (its body is ${row.gone})` : ''}`,
        details: { number: row.number, digest: row.digest },
      }),
    ),
  ];
  return all.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** What a sweep or a give-back did afterwards, each line with its id, and told to be of it. */
function fromAfter(after: Evidence): Happening[] {
  return timeline(after).map(one => {
    const details = { ...one.details, after: { kind: after.kind, id: after.offboarding } };
    return {
      ...one,
      sentence: OF_ITSELF.has(one.kind) ? one.sentence : told(details, one.sentence),
      details,
    };
  });
}

/** Sentences that say by themselves what they are of. */
const OF_ITSELF = new Set(['quiet-round', 'swept', 'sweep-ended', 'given-back']);

/** A sentence, told to be of a sweep or a give-back where it is. */
function told({ after }: Happening['details'], sentence: string): string {
  return after ? `${(after as { kind: string }).kind}: ${sentence}` : sentence;
}

function fromArchive(row: Evidence['archives'][number]): Happening {
  return {
    at: row.at,
    kind: 'archived',
    source: 'archive',
    sentence: `the history of run ${row.run} is kept: ${row.events} events, ${row.status.toLowerCase()}, digest ${row.digest.slice(0, 12)}`,
    details: { run: row.run, events: row.events, status: row.status, digest: row.digest },
  };
}

/**
 * For reading: receipts of one step become one line, and so do rounds in a row that found nothing; Temporal's
 * bookkeeping is left out.
 */
export function condensed(happenings: readonly Happening[]): Happening[] {
  const shown: Happening[] = [];
  const batches = new Map<string, Happening>();
  let quiet: Happening | null = null;
  for (const one of happenings) {
    if (one.kind === 'quiet-round' && !one.details.stands) {
      if (quiet) {
        addRound(quiet, one);
        continue;
      }
      quiet = { ...one, details: { ...one.details } };
      shown.push(quiet);
      continue;
    }
    if (one.kind === 'receipt') {
      const step = stepOf(one);
      const earlier = batches.get(step);
      if (earlier) {
        add(earlier, one);
        continue;
      }
      const line = { ...one, details: { ...one.details, batches: 1 } };
      batches.set(step, line);
      shown.push(line);
      continue;
    }
    // What comes after a step's verdict is another turn of it.
    if (one.kind.startsWith('step-')) batches.delete(stepOf(one));
    if (one.kind === 'message' || (one.kind === 'work' && BOOKKEEPING.has(String(one.details.activity))))
      continue;
    quiet = null;
    shown.push(one);
  }
  return shown;
}

function stepOf({ details }: Happening): string {
  return `${(details.after as { id?: string } | undefined)?.id ?? ''} ${String(details.step)}`;
}

/** Activities whose result the chain tells in its own words. */
const BOOKKEEPING = new Set([
  'identify',
  'record',
  'closeRun',
  'openRequest',
  'standing',
  'makePlan',
  'runSteps',
  'deactivate',
  'openSweep',
  'sweepLook',
  'planRound',
  'closeRound',
  'endSweep',
  'openGiveBack',
  'planGiveBack',
  'returnSteps',
  'endGiveBack',
]);

function addRound(line: Happening, { details }: Happening): void {
  line.details.last = details.round;
  line.sentence = `rounds ${String(line.details.round)} to ${String(details.round)} of the sweep found nothing`;
}

function add(line: Happening, receipt: Happening): void {
  const { details } = line;
  details.changed = Number(details.changed) + Number(receipt.details.changed);
  details.aborted = Number(details.aborted) + Number(receipt.details.aborted);
  details.read = Number(details.read) + Number(receipt.details.read);
  details.exceptions = Number(details.exceptions) + Number(receipt.details.exceptions);
  details.elsewhere = summed([
    ...(details.elsewhere as Elsewhere[]),
    ...(receipt.details.elsewhere as Elsewhere[]),
  ]);
  details.batches = Number(details.batches) + 1;
  if (receipt.details.state === 'intended') details.state = 'intended';
  const words = receiptWords(details as unknown as Batch, String(details.mark), String(receipt.details.mark));
  line.sentence = told(details, words);
}

interface Batch {
  step: string;
  changed: number;
  /** Batches that came to nothing. */
  aborted: number;
  /** Batches whose end was found out by reading the system again. */
  read: number;
  exceptions: number;
  /** What went or changed along with the items. */
  elsewhere: Elsewhere[];
  batches: number;
  state: string;
}

function fromReceipt(row: ReceiptRow): Happening {
  let exceptions = 0;
  let elsewhere: Elsewhere[] = [];
  try {
    if (row.state !== 'aborted') {
      exceptions = (JSON.parse(row.exceptions) as unknown[]).length;
      elsewhere = JSON.parse(row.elsewhere) as Elsewhere[];
    }
  } catch {
    // The verification says that it cannot be read.
  }
  const details = {
    step: row.step,
    page: row.page,
    part: row.part,
    manifest: row.manifest,
    state: row.state,
    sure: row.sure,
    mark: row.mark,
    changed: row.state === 'aborted' ? 0 : (row.changed ?? 0),
    aborted: row.state === 'aborted' ? 1 : 0,
    read: row.sure === 'read' ? 1 : 0,
    merged: row.merged,
    exceptions,
    elsewhere,
    digest: row.digest,
    batches: 1,
  };
  return {
    at: row.at,
    kind: 'receipt',
    source: 'ledger',
    sentence: receiptWords(details, row.mark, row.mark),
    details,
  };
}

function receiptWords(batch: Batch, first: string, last: string): string {
  const marks = first === last ? first : `${first} to ${last}`;
  const batches = batch.batches === 1 ? '1 batch' : `${number(batch.batches)} batches`;
  const notes = [
    ...batch.elsewhere.map(one => `and ${sayElsewhere(one)}`),
    batch.exceptions > 0 ? `${number(batch.exceptions)} not changed` : '',
    batch.aborted > 0 ? `${number(batch.aborted)} of these came to nothing` : '',
    batch.read > 0 ? `${number(batch.read)} of these known by reading the system again` : '',
    batch.state === 'intended' ? 'not settled yet' : '',
  ];
  return `${batch.step}: ${[`${number(batch.changed)} changed in ${batches}`, marks, ...notes].filter(Boolean).join(', ')}`;
}

function fromChain(entry: AuditEntry): Happening {
  return {
    at: entry.at,
    kind: entry.kind,
    source: 'trail',
    sentence: chainWords(entry),
    details: {
      seq: entry.seq,
      subject: entry.subject,
      ...(entry.gone && { gone: entry.gone }),
      ...entry.body,
    },
  };
}

/** Bodies are read with care: one that was tampered with is still told. */
function chainWords({ kind, subject, body, gone }: AuditEntry): string {
  if (gone) return `${subject}: what was said is ${gone}`;
  const text = (key: string): string =>
    body[key] === undefined || body[key] === null ? '' : String(body[key]);
  switch (kind) {
    case 'requested': {
      const request = (body.request ?? {}) as Record<string, unknown>;
      const when = [
        request.handoverAt ? `, items move ${String(request.handoverAt)}` : '',
        request.effectiveAt ? `, access ends ${String(request.effectiveAt)}` : '',
        request.giveBackAt ? `, given back ${String(request.giveBackAt)}` : '',
      ].join('');
      return `asked for by ${String(request.requestedBy)} (${identityOf(body.identity)}) for ${String(request.user)}: ${String(request.mode)}, ${String(request.departure)}${when}`;
    }
    case 'planned':
      return `plan ${text('revision')} ${text('digest').slice(0, 12)} with ${text('steps')} steps`;
    case 'decision':
    case 'refusal': {
      const decider = body.decider as { id: string; name: string } | null | undefined;
      const who = decider ? `${decider.name} (id:${decider.id})` : text('by') || 'nobody';
      const { note, reason } = (body.payload ?? {}) as { note?: string; reason?: string };
      const plan = text('plan') ? ` on plan ${text('plan').slice(0, 12)}` : '';
      const why = note || reason ? ` Said: ${note ?? reason}` : '';
      const verdict = kind === 'refusal' ? 'refused: ' : '';
      return `${who}, ${identityOf(body.identity)}: ${text('message')}${plan}. ${verdict}${text('sentence')}${why}`;
    }
    case 'flood':
      return `${sayFlood(body as unknown as SummedFlood)} Messages ${text('from')} to ${text('to')}, digest ${text('digest').slice(0, 12)}`;
    case 'notice':
      return `${text('notice')}, for ${list(body.audience)}: ${text('sentence')}`;
    case 'access':
      return `access in ${text('system')}: ${text('access')}`;
    case 'deactivated': {
      const kept = (body.kept ?? []) as { untouched?: boolean }[];
      return `${text('system')}: proven empty and switched off${body.changed === false ? ' (it was already)' : ''}; ${kept.filter(one => one.untouched).length} of ${kept.length} kept categories untouched`;
    }
    case 'closed':
      return `closed as ${text('outcome')}: ${text('sentence')}`;
    case 'given-back':
      return `given back as ${text('outcome')}: ${text('sentence')}`;
    case 'settled': {
      const [one] = (body.receipts ?? []) as {
        step?: string;
        mark?: string;
        state?: string;
        sure?: string;
      }[];
      return `after the close: ${one?.mark} of ${one?.step} was found ${one?.state} (${one?.sure})`;
    }
    case 'opened':
      return `begun as the offboarding had announced it, by run ${text('first')}`;
    case 'quiet-round':
      return `round ${text('round')} of the sweep found nothing${body.stands ? ` new; what people were asked before stands: ${text('stands')}` : ''}`;
    case 'swept':
      return roundWords(body);
    case 'addendum':
      if (body.giveBack)
        return `addendum ${text('number')} to the certificate: ${number(Number(body.moved))} given back after the cover`;
      return `addendum ${text('number')} to the certificate: ${number(Number(body.moved))} handed over by round ${text('round')} of the sweep`;
    case 'sweep-ended':
      return `the sweep is over as ${text('outcome')} after round ${text('rounds')}, ${number(Number(body.moved))} handed over in all: ${text('sentence')}`;
    case 'purged':
      if (body.images) return `rows as they were before were taken away by ${text('by')}: ${text('why')}`;
      return body.certificates
        ? `what certificates ${text('certificates')} said was taken away by ${text('by')}: ${text('why')}`
        : `what entries ${text('seqs')} said was taken away by ${text('by')}: ${text('why')}`;
    default:
      if (kind.startsWith('step-')) return stepWords(kind.slice('step-'.length), body);
      return subject;
  }
}

function identityOf(given: unknown): string {
  const { kind, by } = (given ?? {}) as { kind?: unknown; by?: unknown };
  return kind === 'verified' ? identityWords({ kind, by: String(by) }) : identityWords({ kind: 'claimed' });
}

function list(given: unknown): string {
  return Array.isArray(given) ? given.map(String).join(' and ') : 'nobody';
}

function roundWords(body: Record<string, unknown>): string {
  const steps = (body.steps ?? []) as { step?: string; state?: string; successors?: string[] }[];
  const questions = (body.questions ?? []) as { says?: string }[];
  const said = [
    ...steps.map(one => {
      const to = one.successors && one.successors.length > 0 ? ` to ${list(one.successors)}` : '';
      return `${stepWords(String(one.state), one as Record<string, unknown>)}${to}`;
    }),
    // Handed over before by a round that could not say so.
    ...(steps.length === 0 && Number(body.moved) > 0 ? [`${number(Number(body.moved))} changed`] : []),
    ...questions.map(({ says }) => `for people: ${String(says)}`),
  ];
  return `round ${String(body.round)} of the sweep: ${said.join('; ') || 'nothing was handed over'}`;
}

function stepWords(state: string, body: Record<string, unknown>): string {
  const counted = (['changed', 'arrived', 'taken', 'gone', 'failed', 'remaining'] as const)
    .filter(key => Number(body[key] ?? 0) > 0)
    .map(key => `${number(Number(body[key]))} ${key}`);
  const message = typeof body.message === 'string' ? `: ${body.message}` : '';
  return `${String(body.step)}: ${state}${counted.length > 0 ? ` (${counted.join(', ')})` : ''}${message}`;
}
