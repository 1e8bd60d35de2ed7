/**
 * Holds everything that was written about one offboarding against its digests and against each other. A
 * changed byte is named: every mismatch is a sentence that says which row, what stands there and what it
 * should be. Everything that must be there is asked for, and what nothing leads to is named as well.
 *
 * What hangs on what: the chain on itself, its checkpoint, the certificate and the messages in the histories;
 * plans on their digests and the chain; catalogs on the digests that plans name; sets of overrides on those
 * that requests name; manifest pages on their digests, the plan's counts and the chain's seals; receipts on
 * their digests and the chain's closing entry; certificates on closing entries and the results in histories;
 * histories on the run ids that all others speak of; and archived histories on Temporal's own, as long as it has
 * them. What came after it, a sweep or a give-back, is held in the same way against itself, and against what the
 * offboarding announced and was told of it. docs/cli.md lists what cannot be known.
 */

import { isDeepStrictEqual } from 'node:util';
import { type Announced, NOT_BEGUN } from '../../domain/certificate.js';
import type { Elsewhere } from '../../domain/consequences.js';
import type { Kind } from '../../domain/ids.js';
import type { Identities, ItemException } from '../../domain/model.js';
import { canonicalJson } from '../../domain/plan.js';
import { type AuditEntry, PURGED } from '../../store/audit.js';
import { nameOf } from '../../store/before-images.js';
import { sha256 } from '../../store/digest.js';
import { sharesOf } from '../../store/keys.js';
import { type Receipt, receiptDigest, SETTLED } from '../../store/ledger.js';
import type { ReceiptRow } from '../../store/trail.js';
import { type Evidence, type PlanBody, purgedCertificates, purgedImages, runsNamed } from './evidence.js';

export interface Verdict {
  ok: boolean;
  checked: Record<
    | 'entries'
    | 'plans'
    | 'catalogs'
    | 'overrides'
    | 'pages'
    | 'receipts'
    | 'images'
    | 'keySets'
    | 'certificates'
    | 'histories',
    number
  >;
  /** Runs that have closed and are in Temporal alone: the next look archives them. */
  notYetArchived: string[];
  /** Entries, and certificates, whose bodies were taken away, as a later entry says. */
  purged: number[];
  purgedCertificates: number[];
  /** Rows as they were whose bodies were taken away. */
  purgedImages: number;
  /** Why Temporal's own histories were not compared; null = they were, as far as it has them. */
  unasked: string | null;
  breaks: string[];
}

export function verify(evidence: Evidence): Verdict {
  const breaks = breaksIn(evidence);
  const all = [evidence, ...evidence.afterwards];
  const count = (of: (one: Evidence) => readonly unknown[]): number => all.flatMap(of).length;
  return {
    ok: breaks.length === 0,
    checked: {
      entries: count(one => one.chain.entries),
      plans: count(one => one.plans),
      catalogs: count(one => one.catalogs),
      overrides: count(one => one.overrides),
      pages: count(one => one.pages),
      receipts: count(one => one.receipts),
      images: count(one => one.images),
      keySets: count(one => one.frozen),
      certificates: count(one => one.certificates),
      histories: count(one => one.archives),
    },
    notYetArchived: all
      .flatMap(({ live }) => live)
      .filter(one => one.history.status !== 'RUNNING')
      .map(one => one.run),
    purged: evidence.chain.entries.filter(entry => entry.gone === 'purged').map(entry => entry.seq),
    purgedCertificates: evidence.certificates.filter(row => row.gone === 'purged').map(row => row.number),
    purgedImages: count(one => {
      const purged = purgedImages(one.chain);
      return one.images.filter(row => row.actual === null && purged.has(row.images));
    }),
    unasked: all.find(one => one.unasked !== null)?.unasked ?? null,
    breaks,
  };
}

const CHECKS = [
  chain,
  afterwards,
  messages,
  offboarding,
  plans,
  catalogs,
  overrides,
  manifests,
  pages,
  seals,
  receipts,
  images,
  keySets,
  certificates,
  addenda,
  histories,
  runs,
];

function breaksIn(evidence: Evidence): string[] {
  return [
    ...CHECKS.flatMap(check => check(evidence)),
    ...evidence.afterwards.flatMap(after =>
      isNothing(after)
        ? vanished(evidence, after)
        : [...announcement(evidence, after), ...added(evidence, after), ...breaksIn(after)].map(sentence =>
            saidOf(after, sentence),
          ),
    ),
  ];
}

/** It was announced, and nothing more is known of it than what Temporal says. */
function isNothing({ chain, row, receipts, plans }: Evidence): boolean {
  return chain.entries.length + receipts.length + plans.length === 0 && row === null;
}

/** What was announced has begun, or the run says why not. It may be about to, or lie where nobody could ask. */
function vanished(evidence: Evidence, after: Evidence): string[] {
  const isOn = after.unasked !== null || after.live.some(({ history }) => history.status === 'RUNNING');
  const isSaid = evidence.chain.entries.some(
    ({ kind, body }) => kind === 'notice' && body.notice === NOT_BEGUN,
  );
  const named = addendaTold(evidence).some(({ by }) => by === after.offboarding);
  if ((isOn || isSaid) && !named) return [];
  return [
    `handover.audit: ${nameOfAfter(after)} was announced, and there is nothing of it: it never began, or what it wrote was taken away.`,
  ];
}

/** Whatever a sweep has found, and how a give-back ended, was added to the certificate. */
function added(evidence: Evidence, after: Evidence): string[] {
  const addenda = addendaTold(evidence).filter(({ by }) => by === after.offboarding);
  // A moment lies between the two.
  const isOn = after.live.some(({ history }) => history.status === 'RUNNING');
  const last = after.chain.entries.at(-1);
  return after.chain.entries.flatMap(entry => {
    if (entry.kind !== TELLS[after.kind] || entry.gone || (isOn && entry === last)) return [];
    const isAdded = addenda.some(
      ({ entry: { gone, body } }) => gone || after.kind === 'give-back' || body.round === entry.body.round,
    );
    return isAdded
      ? []
      : [`handover.audit: entry ${entry.seq} (${entry.subject}) was never added to the certificate.`];
  });
}

/** "the sweep 4711": of what a table's row is, where it is not the offboarding's. */
function nameOfAfter({ kind, offboarding }: Evidence): string {
  return `the ${kind} ${offboarding}`;
}

/** A sentence that begins with its table, told to be of what came after the offboarding. */
function saidOf(after: Evidence, sentence: string): string {
  return sentence.replace(
    /^(handover\.\w+)(:?)/,
    (_, table, colon) => `${table} of ${nameOfAfter(after)}${colon || ','}`,
  );
}

/** What nobody announced was begun by somebody else. */
function announcement(evidence: Evidence, after: Evidence): string[] {
  const isAnnounced = closings(evidence).some(
    ({ body, gone }) =>
      gone || ((body.after ?? []) as Announced[]).some(({ id }) => id === after.offboarding),
  );
  return isAnnounced ? [] : ['handover.audit: the offboarding did not announce it as it closed.'];
}

/** Entries with which it ends, and those that list its receipts: a run all of them, a sweep those of a round. */
const ENDS: Record<Kind, string> = { offboarding: 'closed', sweep: 'sweep-ended', 'give-back': 'given-back' };
const TELLS: Record<Kind, string> = { ...ENDS, sweep: 'swept' };

/** Every ending, oldest first: one, and another for each time a run was reset after its end. */
function closings({ kind, chain }: Evidence): AuditEntry[] {
  return chain.entries.filter(entry => entry.kind === ENDS[kind]);
}

const isClosed = (evidence: Evidence): boolean => closings(evidence).length > 0;

/** The run whose ending an entry tells. */
const runOf = ({ subject }: AuditEntry): string => subject.split(' ')[1] ?? '';

/**
 * Two clocks tell times that belong together, the database's and a worker's, and work lies between them: what
 * is further apart than this was changed.
 */
const CLOCKS_MS = 3_600_000;

function isFarFrom(a: string, b: string): boolean {
  return !(Math.abs(Date.parse(a) - Date.parse(b)) <= CLOCKS_MS);
}

/**
 * Somebody who can rewrite the whole chain and its checkpoint must rewrite the certificate too, which people
 * hold copies of.
 */
function chain(evidence: Evidence): string[] {
  const breaks = evidence.chain.breaks.map(sentence => `handover.audit: ${sentence}`);
  if (evidence.chain.entries.length === 0)
    breaks.push('handover.audit: there are no entries; every offboarding begins with one.');
  else if (!evidence.chain.head)
    breaks.push('handover.audit_heads: the checkpoint of this chain is missing.');
  const { fence } = evidence.loose;
  const over = evidence.archives.flatMap(({ status, history }) =>
    status === 'CONTINUED_AS_NEW' ? [] : (history?.endedAt ?? []),
  );
  const raised = over.filter(at => fence === null || fence < at);
  if (raised.length > 0)
    breaks.push(
      `handover.audit_heads: the fence stands at ${fence ?? 'nothing'}, and the run was over at ${raised.at(-1)}.`,
    );
  else if (fence === null && isClosed(evidence))
    breaks.push(`handover.audit_heads: the ${evidence.kind} has closed, and its fence is gone.`);
  if (fence !== null && Date.parse(fence) > Date.now() + CLOCKS_MS)
    breaks.push(`handover.audit_heads: the fence stands at ${fence}, which has not come yet.`);
  for (const seq of evidence.loose.entries)
    breaks.push(`handover.audit_bodies: there is a body of entry ${seq}, and no such entry.`);
  for (const { number, parsed } of evidence.certificates) {
    const head = parsed?.chain as { seq: number; hash: string } | null | undefined;
    if (!head) continue;
    const link = evidence.links.find(one => one.seq === head.seq);
    if (link?.hash !== head.hash) {
      breaks.push(
        `handover.audit: entry ${head.seq} ${link ? `has the hash ${short(link.hash)}` : 'is missing'}, but certificate ${number} names it with ${short(head.hash)}.`,
      );
    }
  }
  return breaks;
}

/** What stands behind the closing entry and counts for nothing, or tells what became of something listed there. */
const HARMLESS: ReadonlySet<string> = new Set([PURGED, SETTLED, 'refusal', 'flood', 'notice', 'addendum']);

/**
 * Nothing counts after the closing entry: whoever wants to have approved can only come too late. A run that was
 * reset after its end goes on, and closes again.
 */
function afterwards(evidence: Evidence): string[] {
  const last = closings(evidence).at(-1);
  if (!last) return [];
  const ended = new Set(closings(evidence).map(runOf));
  const goesOn = [...evidence.archives, ...evidence.live].some(
    ({ run, history }) => !ended.has(run) && history && (history.endedAt ?? '9') > last.at,
  );
  if (goesOn) return [];
  return evidence.chain.entries.flatMap(({ seq, subject, kind }) =>
    seq > last.seq && !HARMLESS.has(kind)
      ? [
          `handover.audit: entry ${seq} (${subject}) stands behind entry ${last.seq}, with which the ${evidence.kind} closed: it was added afterwards and counts for nothing.`,
        ]
      : [],
  );
}

/** Messages and verdicts stand in the chain as the run had them written, which its history tells as well. */
function messages(evidence: Evidence): string[] {
  const breaks: string[] = [];
  const { archives, live, known, chain } = evidence;
  // A history that Temporal still has counts for more than one that lies beside the chain.
  const all = [...archives, ...live, ...known];
  const told = new Map(all.flatMap(({ history }) => [...(history?.recorded ?? [])]));
  const readable = new Set(all.flatMap(({ run, history }) => (history ? [run, ...history.runs] : [])));
  for (const { seq, subject, kind, body, gone } of chain.entries) {
    const run = /^(?:decision|notice|flood) (\S+) \d+$/.exec(subject)?.[1];
    if (kind === 'refusal' && !gone && body.accepted !== false)
      breaks.push(`handover.audit: entry ${seq} (${subject}) is called a refusal, and was accepted.`);
    if (run === undefined || !readable.has(run)) continue;
    const said = told.get(subject);
    if (!said)
      breaks.push(
        `handover.audit: entry ${seq} (${subject}) is in no history: the run never had it written.`,
      );
    else if (!gone && canonicalJson(said) !== canonicalJson(body))
      breaks.push(`handover.audit: entry ${seq} (${subject}) says something else than the run's history.`);
  }
  const there = new Set(chain.entries.map(({ subject }) => subject));
  for (const subject of told.keys())
    if (!there.has(subject))
      breaks.push(`handover.audit: "${subject}", which the run's history has, is missing in the chain.`);
  return breaks;
}

/** The store's own line about the offboarding. Its order is not read by an audit: the chain has every word of it. */
function offboarding(evidence: Evidence): string[] {
  const { row, chain, plans, workflow, archives, known, live } = evidence;
  const name = 'handover.offboardings';
  const [first] = chain.entries;
  if (!row) return first ? [`${name}: the row is missing.`] : [];
  const breaks: string[] = [];
  const told =
    first && !first.gone ? (first.body as { workflow?: string; leaver?: string; human?: string }) : {};
  if (told.workflow !== undefined && told.workflow !== row.workflow)
    breaks.push(`${name}: it says workflow ${row.workflow}, entry 1 says ${told.workflow}.`);
  if (workflow !== null && workflow !== row.workflow)
    breaks.push(`${name}: it says workflow ${row.workflow}, the rest is filed under ${workflow}.`);
  if (told.leaver !== undefined && told.leaver !== row.leaver)
    breaks.push(`${name}: it says leaver ${row.leaver}, entry 1 says ${told.leaver}.`);
  const humans = [...plans.map(({ parsed }) => parsed?.leaver.human), told.human].filter(
    one => one !== undefined,
  );
  if (humans.length > 0 && !humans.includes(row.human))
    breaks.push(`${name}: it says that the leaver is the human being ${row.human}, no plan does.`);
  if (first && isFarFrom(row.requested, first.at))
    breaks.push(`${name}: it was asked for at ${row.requested} by the row, at ${first.at} by the chain.`);
  const all = [...archives, ...known, ...live];
  const over = all.flatMap(({ history }) => history?.endedAt ?? []).sort();
  const open = all.length === 0 || all.some(({ history }) => history?.status === 'RUNNING');
  if (!open && row.closed === null && archives.length > 0)
    breaks.push(`${name}: it is open by the row, and its last run ended at ${over.at(-1)}.`);
  // A run that was terminated is struck off by the next look.
  if (
    row.closed !== null &&
    !open &&
    over.length > 0 &&
    row.closed < over[0]! &&
    isFarFrom(row.closed, over[0]!)
  )
    breaks.push(`${name}: it closed at ${row.closed} by the row, its runs ended from ${over[0]} on.`);
  const { closed } = row;
  const ends = closings(evidence);
  if (closed !== null && !open && ends.length > 0 && ends.every(({ at }) => isFarFrom(closed, at)))
    breaks.push(`${name}: it closed at ${closed} by the row, at ${ends.at(-1)!.at} by the chain.`);
  return breaks;
}

/** A manifest that counts is the one of the plan that names it. */
function manifests(evidence: Evidence): string[] {
  const breaks: string[] = [];
  for (const { parsed, digest, made } of evidence.plans) {
    if (!parsed) continue;
    const name = `handover.manifests ${parsed.manifest}`;
    const row = evidence.manifests.find(one => one.id === parsed.manifest);
    if (!row) {
      breaks.push(`${name}: the row is missing; plan ${short(digest)} counts on it.`);
      continue;
    }
    if (row.offboarding !== evidence.offboarding)
      breaks.push(`${name}: it is filed under offboarding ${row.offboarding}.`);
    if (row.plan !== digest)
      breaks.push(
        `${name}: it is the manifest of ${row.plan === null ? 'no plan' : `plan ${short(row.plan)}`} by the row, of ${short(digest)} by the plan.`,
      );
    if (isFarFrom(row.made, made)) breaks.push(`${name}: it was made at ${row.made}, its plan at ${made}.`);
  }
  for (const row of evidence.manifests)
    if (!evidence.plans.some(({ parsed }) => parsed?.manifest === row.id))
      breaks.push(`handover.manifests ${row.id}: it says that it counts, and no plan names it.`);
  return breaks;
}

interface Sealed {
  manifest: string;
  pages: number;
  digest: string | null;
}

/**
 * The chain seals the pages behind a plan when it is made, and all of them when it ends, and after each round of
 * a sweep. What is said last of a manifest counts: a run that went on after its first end may have opened
 * further rounds.
 */
function seals(evidence: Evidence): string[] {
  const sealOf = (manifest: string, approvedOnly: boolean): Sealed => {
    const pages = evidence.pages.filter(
      page => page.manifest === manifest && (!approvedOnly || page.round === 0),
    );
    const digest = pages.length === 0 ? null : sha256(pages.map(page => page.digest).join('\n'));
    return { manifest, pages: pages.length, digest };
  };
  const told = evidence.chain.entries.filter(({ gone }) => !gone);
  const approved = told.flatMap(({ seq, kind, body }) =>
    kind === 'planned' && body.sealed ? [{ seq, sealed: body.sealed as Sealed, approvedOnly: true }] : [],
  );
  const last = new Map(
    told
      .filter(({ kind }) => kind === ENDS[evidence.kind] || kind === TELLS[evidence.kind])
      .flatMap(({ seq, body }) => ((body.manifests ?? []) as Sealed[]).map(sealed => ({ seq, sealed })))
      .map(({ seq, sealed }) => [sealed.manifest, { seq, sealed, approvedOnly: false }]),
  );
  return [...approved, ...last.values()].flatMap(({ seq, sealed, approvedOnly }) => {
    const now = sealOf(sealed.manifest, approvedOnly);
    if (now.pages === sealed.pages && now.digest === sealed.digest) return [];
    return [
      `handover.manifest_pages of manifest ${sealed.manifest}: its ${now.pages} pages give the seal ${now.digest === null ? 'of nothing' : short(now.digest)}, entry ${seq} says ${sealed.pages} and ${sealed.digest === null ? 'nothing' : short(sealed.digest)}: pages were added, changed or removed.`,
    ];
  });
}

function plans(evidence: Evidence): string[] {
  const breaks: string[] = [];
  for (const plan of evidence.plans) {
    const name = `handover.plans ${short(plan.digest)} (revision ${plan.revision})`;
    const actual = sha256(plan.body);
    if (actual !== plan.digest)
      breaks.push(`${name}: its body gives the digest ${short(actual)}: one of the two was changed.`);
    else if (plan.parsed?.offboardingId !== plan.offboarding || plan.parsed.revision !== plan.revision) {
      breaks.push(
        `${name}: the row says another offboarding or revision than the body (revision ${plan.parsed?.revision}).`,
      );
    }
    const entry = evidence.chain.entries.find(one => one.subject === `plan ${plan.digest}`);
    if (entry && isFarFrom(plan.made, entry.at))
      breaks.push(`${name}: it was made at ${plan.made} by the row, at ${entry.at} by the chain.`);
  }
  const made = evidence.chain.entries.filter(entry => entry.kind === 'planned');
  for (const { seq, body, gone } of made) {
    if (!gone && !evidence.plans.some(plan => plan.digest === body.digest))
      breaks.push(
        `handover.plans: the plan ${short(String(body.digest))} of entry ${seq} is missing or has another digest.`,
      );
  }
  if (isClosed(evidence)) {
    for (const plan of evidence.plans) {
      // The subject names the plan too, and stays where the body is gone.
      if (
        !made.some(entry =>
          entry.gone ? entry.subject === `plan ${plan.digest}` : entry.body.digest === plan.digest,
        )
      )
        breaks.push(
          `handover.plans ${short(plan.digest)} (revision ${plan.revision}): no entry of the chain knows this plan.`,
        );
    }
  }
  return breaks;
}

/** What people approved can be read as long as what the catalogs do is there as it was. */
function catalogs(evidence: Evidence): string[] {
  const breaks: string[] = [];
  for (const { digest, actual } of evidence.catalogs)
    if (actual !== digest)
      breaks.push(
        `handover.catalogs ${short(digest)}: its body gives the digest ${short(actual)}: one of the two was changed.`,
      );
  for (const { parsed, revision } of evidence.plans)
    for (const { system, catalog } of parsed?.systems ?? [])
      if (!evidence.catalogs.some(one => one.digest === catalog && one.system === system))
        breaks.push(
          `handover.catalogs ${short(catalog)}: what the catalog of ${system} does by the plan of revision ${revision} is missing.`,
        );
  return breaks;
}

/** A plan was made with the set that its request names, and the set must still be what it was. */
function overrides(evidence: Evidence): string[] {
  const breaks: string[] = [];
  for (const { digest, actual, count, items } of evidence.overrides) {
    const name = `handover.overrides ${short(digest)}`;
    if (actual !== digest)
      breaks.push(`${name}: its body gives the digest ${short(actual)}: one of the two was changed.`);
    else if (items !== count)
      breaks.push(`${name}: it names successors of ${items ?? 'no'} items, the row says ${count}.`);
  }
  for (const digest of evidence.named)
    if (!evidence.overrides.some(one => one.digest === digest))
      breaks.push(`handover.overrides ${short(digest)}: the set that a request names is missing.`);
  return breaks;
}

function pages(evidence: Evidence): string[] {
  const breaks: string[] = [];
  for (const page of evidence.pages) {
    const name = `handover.manifest_pages ${page.step} page ${page.page} (manifest ${page.manifest})`;
    if (page.actual !== page.digest)
      breaks.push(
        `${name}: its keys and successors give the digest ${short(page.actual)}, the row says ${short(page.digest)}.`,
      );
    if (page.keys !== page.count)
      breaks.push(`${name}: it holds ${page.keys} keys, the row says ${page.count}.`);
    if (page.assigned !== null && page.assigned !== page.keys)
      breaks.push(`${name}: it names successors for ${page.assigned} of ${page.keys} keys.`);
    if (!page.spans) breaks.push(`${name}: "low" and "high" do not fit its keys.`);
    if ((page.round === 0) !== (page.origin === 'approved'))
      breaks.push(`${name}: round ${page.round} cannot have the origin "${page.origin}".`);
    if (
      page.round > 0 &&
      !evidence.rounds.some(
        one => one.manifest === page.manifest && one.step === page.step && one.round === page.round,
      )
    )
      breaks.push(
        `handover.manifest_rounds ${page.step} round ${page.round} (manifest ${page.manifest}) is missing.`,
      );
  }
  for (const round of evidence.rounds) {
    if (
      !evidence.pages.some(
        page => page.manifest === round.manifest && page.step === round.step && page.round === round.round,
      )
    )
      breaks.push(
        `handover.manifest_rounds ${round.step} round ${round.round} (manifest ${round.manifest}): there are no pages of this round.`,
      );
  }
  for (const { parsed, digest } of evidence.plans)
    if (parsed) breaks.push(...baselines(evidence, parsed, digest));
  return breaks;
}

/** The approved pages together must hold what the plan says. */
function baselines(evidence: Evidence, plan: PlanBody, digest: string): string[] {
  return plan.steps.flatMap(step => {
    if (step.phase === 'keep' || step.phase === 'deactivate') return [];
    const approved = evidence.pages.filter(
      page => page.manifest === plan.manifest && page.step === step.id && page.round === 0,
    );
    const name = `handover.manifest_pages ${step.id} (manifest ${plan.manifest})`;
    const count = approved.reduce((sum, page) => sum + page.count, 0);
    if (count !== step.baseline.count)
      return [
        `${name}: its pages hold ${count} keys, plan ${short(digest)} says ${step.baseline.count}: pages were added, changed or removed.`,
      ];
    // A sweep and a give-back name the very keys: nobody has looked at an inventory of just these.
    const isLooked = approved.some(page => page.fingerprint !== '');
    const fingerprint = isLooked
      ? approved.reduce((all, page) => all ^ bigint(page.fingerprint), 0n).toString()
      : '';
    if (approved.length > 0 && fingerprint !== step.baseline.fingerprint)
      return [
        `${name}: the fingerprints of its pages give ${fingerprint}, plan ${short(digest)} says ${step.baseline.fingerprint}.`,
      ];
    return [];
  });
}

function receipts(evidence: Evidence): string[] {
  const breaks: string[] = [];
  const isOver = isClosed(evidence);
  for (const row of evidence.receipts) {
    const name = receiptName(row);
    const actual = digestOf(row);
    if (actual !== row.digest)
      breaks.push(
        `${name}: its content gives the digest ${actual ? short(actual) : 'of nothing that can be read'}, the row says ${short(row.digest)}.`,
      );
    if (isOver && row.state === 'intended')
      breaks.push(
        `${name}: it is still intended although the ${evidence.kind} is closed: nobody settled it, or the row was changed.`,
      );
  }
  return [...breaks, ...listing(evidence)];
}

type Listed = Pick<
  ReceiptRow,
  'step' | 'page' | 'part' | 'mark' | 'digest' | 'state' | 'sure' | 'aborted' | 'at'
>;

/**
 * The closing entry of a run lists all receipts, those that came to nothing included, and how each ended; a sweep
 * lists those of a round after it. What nobody could settle until then is told by an entry behind it.
 */
function listing(evidence: Evidence): string[] {
  const breaks: string[] = [];
  const { kind, chain } = evidence;
  const tells = chain.entries
    .filter(entry => entry.kind === TELLS[kind])
    .slice(kind === 'offboarding' ? -1 : 0);
  // Nobody knows any more what a purged one listed.
  if (tells.some(({ gone }) => gone)) return [];
  const settled = chain.entries.flatMap(({ kind, body, gone }) =>
    kind === SETTLED && !gone ? ((body.receipts ?? []) as Listed[]) : [],
  );
  const listed = tells.flatMap(({ seq, body }) =>
    ((body.receipts ?? []) as Listed[]).map(one => ({
      seq,
      ...((one.state === 'intended' && settled.find(other => isSame(other, one))) || one),
    })),
  );
  for (const one of listed) {
    const row = evidence.receipts.find(other => isSame(other, one) && other.digest === one.digest);
    const name = `handover.receipts ${one.step} page ${one.page} (${one.mark})`;
    if (!row) {
      breaks.push(
        `${name}: the receipt ${short(one.digest)}, which entry ${one.seq} lists, is missing or has another digest.`,
      );
    } else if (row.state !== one.state || row.sure !== one.sure || row.aborted !== one.aborted) {
      breaks.push(
        `${name}: it is ${row.state} (${row.sure ?? 'unsettled'}), and entry ${one.seq} lists it as ${one.state} (${one.sure ?? 'unsettled'}).`,
      );
    } else if (row.at !== one.at) {
      breaks.push(`${name}: it is of ${row.at} by the row, and of ${one.at} by entry ${one.seq}.`);
    }
  }
  if (!isClosed(evidence)) return breaks;
  const [only, ...more] = tells;
  const unknown =
    only && more.length === 0
      ? `entry ${only.seq}, which lists all receipts, does not know it`
      : 'no entry of the chain lists it';
  for (const row of evidence.receipts)
    if (!listed.some(one => isSame(row, one) && row.digest === one.digest))
      breaks.push(`${receiptName(row)}: ${unknown}.`);
  return breaks;
}

function isSame(row: Omit<Listed, 'sure'>, one: Omit<Listed, 'sure'>): boolean {
  return row.step === one.step && row.page === one.page && row.part === one.part && row.mark === one.mark;
}

function receiptName(row: ReceiptRow): string {
  return `handover.receipts ${row.step} page ${row.page} (${row.mark})`;
}

/** Null when what lies there cannot even be read. */
function digestOf(row: ReceiptRow): string | null {
  const { offboarding, manifest, step, page, part, first, count, takers, mark, changed, merged } = row;
  try {
    const owners = { values: row.owners, perKey: row.owner_of && sharesOf(row.owner_of) };
    const exceptions = JSON.parse(row.exceptions) as ItemException[];
    const accounts = JSON.parse(row.accounts) as Identities[];
    const elsewhere = JSON.parse(row.elsewhere) as Elsewhere[];
    const effect = { changed: changed ?? 0, merged, perTaker: row.per_taker, exceptions, elsewhere };
    const did = row.did as Receipt['did'];
    const receipt = {
      offboarding,
      manifest,
      step,
      page,
      part,
      first,
      took: count,
      did,
      accounts,
      takers,
      mark,
      owners,
      effect,
    };
    return receiptDigest(receipt, changed === null ? null : effect, row.before_images);
  } catch {
    return null;
  }
}

/**
 * Receipts name sets of before-images by a digest over their rows' digests. A body that was purged is gone,
 * not changed.
 */
function images(evidence: Evidence): string[] {
  const breaks: string[] = [];
  const purged = purgedImages(evidence.chain);
  for (const receipt of evidence.receipts) {
    if (receipt.before_images === null) continue;
    const rows = evidence.images.filter(row => row.images === receipt.before_images);
    const name = `handover.before_images ${short(receipt.before_images)} of ${receipt.step} page ${receipt.page}`;
    if (
      nameOf(rows.map(row => row.digest)) !== receipt.before_images ||
      rows.some((row, n) => row.n !== n + 1)
    )
      breaks.push(`${name}: its rows do not give its name: rows were added, changed or removed.`);
    for (const [n, row] of rows.entries()) {
      if (row.actual === null && !purged.has(row.images))
        breaks.push(
          `${name}: the body of row ${n + 1} is missing, and no entry of the chain says that it was purged.`,
        );
      if (row.actual !== null && purged.has(row.images))
        breaks.push(`${name}: row ${n + 1} has a body, and the chain says that it was purged.`);
      if (row.actual !== null && row.actual !== row.digest)
        breaks.push(
          `${name}: row ${n + 1} gives the digest ${short(row.actual)}, it says ${short(row.digest)}.`,
        );
    }
  }
  return breaks;
}

function keySets(evidence: Evidence): string[] {
  const breaks: string[] = [];
  for (const digest of evidence.shown) {
    const row = evidence.frozen.find(one => one.digest === digest);
    const name = `handover.frozen_keys ${short(digest)}`;
    if (!row) breaks.push(`${name}: the keys that people were shown are missing, or have another digest.`);
    else if (row.actual !== digest) breaks.push(`${name}: its keys give the digest ${short(row.actual)}.`);
    else if (row.keys !== row.count)
      breaks.push(`${name}: it holds ${row.keys} keys, the row says ${row.count}.`);
  }
  return breaks;
}

function certificates(evidence: Evidence): string[] {
  const breaks: string[] = [];
  const purged = purgedCertificates(evidence.chain);
  evidence.certificates.forEach((row, n) => {
    const name = `handover.certificates number ${row.number}`;
    if (row.number !== n) breaks.push(`handover.certificates number ${n} is missing.`);
    if (row.gone === 'missing')
      breaks.push(`${name}: its body is missing, and no entry of the chain says that it was purged.`);
    if (row.body === null) return;
    if (purged.has(row.number)) breaks.push(`${name}: it has a body, and the chain says that it was purged.`);
    const actual = sha256(row.body);
    if (actual !== row.digest)
      breaks.push(`${name}: its body gives the digest ${short(actual)}, the row says ${short(row.digest)}.`);
    const about = row.parsed?.offboarding;
    if (row.number === 0 && about !== evidence.offboarding)
      breaks.push(`${name}: its body is about another offboarding (${String(about)}).`);
  });
  for (const number of evidence.loose.certificates)
    breaks.push(`handover.certificate_bodies number ${number}: there is no such certificate.`);
  breaks.push(...certified(evidence));
  const first = evidence.certificates[0];
  const plan = first?.parsed?.plan as { digest?: string } | null | undefined;
  if (plan?.digest && !evidence.plans.some(one => one.digest === plan.digest))
    breaks.push(`handover.plans: the plan ${short(plan.digest)}, which the certificate names, is missing.`);
  const ended = [...evidence.archives, ...evidence.live, ...evidence.known].map(one => one.history);
  for (const history of ended) {
    const named = history?.certificate;
    if (named && !evidence.certificates.some(one => one.digest === named)) {
      breaks.push(
        `handover.certificates number 0: the run's own result names ${short(named)}, the row ${first ? `says ${short(first.digest)}` : 'is missing'}.`,
      );
    }
  }
  return [...new Set(breaks)];
}

/**
 * Every ending has its certificate, in their order, and there is no certificate without one. What came after
 * has addenda to that of the offboarding instead.
 */
function certified(evidence: Evidence): string[] {
  if (evidence.kind !== 'offboarding') return [];
  const breaks: string[] = [];
  const ends = closings(evidence);
  const added = new Set(addendaTold(evidence).map(({ number }) => number));
  const ofEndings = evidence.certificates.filter(row => !added.has(row.number));
  ends.forEach((end, n) => {
    const row = ofEndings[n];
    const number = row?.number ?? n;
    // It is written a moment after the entry.
    const under = [...evidence.live, ...evidence.known].find(one => one.run === runOf(end));
    if (!row && under?.history.status !== 'RUNNING')
      breaks.push(
        `handover.certificates number ${number} is missing: entry ${end.seq} closed the offboarding, and every ending has one.`,
      );
    const cites = (row?.parsed?.chain as { seq?: number } | null | undefined)?.seq;
    if (row?.parsed && (cites === undefined || cites < end.seq || row.parsed.run !== runOf(end)))
      breaks.push(
        `handover.certificates number ${number}: it is about run ${String(row.parsed.run)} and entry ${String(cites)}, the ending is entry ${end.seq} (${end.subject}).`,
      );
    if (row && isFarFrom(row.at, end.at))
      breaks.push(`handover.certificates number ${number}: it is of ${row.at}, its ending of ${end.at}.`);
  });
  for (const row of ofEndings.slice(ends.length))
    breaks.push(
      `handover.certificates number ${row.number}: no entry of the chain closes the offboarding for it.`,
    );
  return breaks;
}

/** What came afterwards and was added, by the entries behind the closing one. */
function addendaTold({
  chain,
}: Evidence): { entry: AuditEntry; number: number; digest: string; by: string }[] {
  return chain.entries.flatMap(entry => {
    if (entry.kind !== 'addendum') return [];
    const [, number, digest = '', by = ''] = entry.subject.split(' ');
    return [{ entry, number: Number(number), digest, by }];
  });
}

/** An addendum is there as the chain has it, cites the certificate, and says what the chain that it is of says. */
function addenda(evidence: Evidence): string[] {
  const breaks: string[] = [];
  const [first] = evidence.certificates;
  for (const {
    entry: { seq },
    number,
    digest,
    by,
  } of addendaTold(evidence)) {
    const name = `handover.certificates number ${number}`;
    const row = evidence.certificates.find(one => one.number === number);
    if (row?.digest !== digest) {
      const instead = row ? `has the digest ${short(row.digest)}` : 'is missing';
      breaks.push(`${name} ${instead}, and entry ${seq} tells of an addendum ${short(digest)}.`);
      continue;
    }
    if (!row.parsed) continue;
    const { certificate, round, moved, sweep, giveBack } = row.parsed;
    const told = evidence.afterwards.find(one => one.offboarding === by);
    const whose = told ? nameOfAfter(told) : by;
    if (by !== (sweep ?? giveBack))
      breaks.push(`${name}: it is of ${String(sweep ?? giveBack)}, entry ${seq} names ${by}.`);
    if (certificate !== first?.digest)
      breaks.push(`${name}: it cites ${short(String(certificate))}, which is not the certificate.`);
    const head = (row.parsed.sweepChain ?? row.parsed.giveBackChain) as { seq: number; hash: string } | null;
    const link = told?.links.find(one => one.seq === head?.seq);
    if (!head || link?.hash !== head.hash)
      breaks.push(`${name}: entry ${head?.seq ?? 0} of ${whose} is missing or has another hash.`);
    const entry = told?.chain.entries.find(
      ({ kind, body }) =>
        kind === TELLS[told.kind] &&
        body.plan === row.parsed!.plan &&
        (sweep === undefined || body.round === round),
    );
    if (!entry?.gone && entry?.body.moved !== moved)
      breaks.push(
        `${name}: it says that ${String(moved)} were moved, its entry says ${String(entry?.body.moved)}.`,
      );
  }
  return breaks;
}

function histories(evidence: Evidence): string[] {
  const breaks: string[] = [];
  for (const row of evidence.archives) {
    const name = `handover.archives run ${row.run}`;
    if (row.actual !== row.digest)
      breaks.push(
        `${name}: the stored history gives the digest ${short(row.actual)}, the row says ${short(row.digest)}.`,
      );
    if (!row.history) {
      breaks.push(`${name}: the stored history cannot be read.`);
      continue;
    }
    const { offboarding, status, events } = row.history;
    if (offboarding !== row.offboarding)
      breaks.push(`${name}: the history is of offboarding ${offboarding}, the row says ${row.offboarding}.`);
    if (status !== row.status)
      breaks.push(`${name}: by its history the run is ${status}, the row says ${row.status}.`);
    if (events.length !== row.events)
      breaks.push(`${name}: the history has ${events.length} events, the row says ${row.events}.`);
    if (!row.history.runs.includes(row.run))
      breaks.push(`${name}: the history is of run ${row.history.runs.join(', ')}.`);
    const theirs = evidence.known.find(one => one.run === row.run)?.history.events;
    if (theirs && !isDeepStrictEqual(JSON.parse(JSON.stringify(theirs)), events)) {
      const n = theirs.findIndex((event, at) => !isDeepStrictEqual(event, events[at]));
      breaks.push(
        `${name}: Temporal has another history of this run: ${theirs.length} events, of which number ${n + 1} is the first that differs.`,
      );
    }
    if (evidence.workflow && row.workflow !== evidence.workflow)
      breaks.push(
        `${name}: it is filed under ${row.workflow}, the ${evidence.kind} ran as ${evidence.workflow}.`,
      );
  }
  return breaks;
}

/** Of every run that anything speaks of there is a history: archived, or Temporal's own. */
function runs(evidence: Evidence): string[] {
  const { archives, live, known, chain, plans, row, unasked } = evidence;
  // What is open lies in Temporal alone, and nobody could ask there.
  if (unasked !== null && !isClosed(evidence) && row?.closed === null) return [];
  const all = [...archives, ...live, ...known];
  const there = new Set(all.map(({ run }) => run));
  const wanted = new Map([...runsNamed(chain, plans)].map(run => [run, 'the chain and the plans']));
  for (const { run, history } of all)
    for (const one of history?.neighbours ?? []) if (!wanted.has(one)) wanted.set(one, `run ${run}`);
  const why = unasked ? `there is no archive of it. ${unasked}` : 'neither an archive nor Temporal has it';
  const breaks = [...wanted].flatMap(([run, by]) =>
    there.has(run) ? [] : [`handover.archives run ${run}: ${by} speak of it, and ${why}.`],
  );
  if (there.size === 0 && wanted.size === 0 && chain.entries.length > 0)
    breaks.push(`handover.archives: there is no history of this offboarding, and ${why}.`);
  return breaks;
}

function bigint(text: string): bigint {
  try {
    return BigInt(text);
  } catch {
    return -1n;
  }
}

function short(digest: string): string {
  return digest.length > 12 ? `${digest.slice(0, 12)}…` : digest;
}
