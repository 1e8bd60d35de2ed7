/**
 * Everything that is known about one offboarding, from wherever it lies: chain, plans, manifests, receipts,
 * certificates and archived histories in the store; the live history in Temporal until there is an archive.
 * What came after it, a sweep or a give-back, has the same, and is read in the same way. Only reads.
 */
import { gunzipSync } from 'node:zlib';
import { type Client, isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { Announced } from '../../domain/certificate.js';
import { idsOf, installationOf, type Kind, kindOf } from '../../domain/ids.js';
import { digestIn, isReference } from '../../domain/overrides.js';
import { archiveDigest } from '../../store/archive.js';
import { type ChainVerdict, PURGED } from '../../store/audit.js';
import type { Store } from '../../store/store.js';
import type {
  ArchiveRow,
  CatalogRow,
  CertificateRow,
  FrozenRow,
  ImageRow,
  KnownOffboarding,
  ManifestRow,
  OffboardingRow,
  OverridesRow,
  PageRow,
  PlanRow,
  ReceiptRow,
} from '../../store/trail.js';
import { GIVE_BACK, OFFBOARD_USER, SWEEP_STRAGGLERS } from '../../workflows/messages.js';
import { History } from './history.js';

export interface Evidence {
  kind: Kind;
  /** Its own id, also of a sweep or a give-back. */
  offboarding: string;
  workflow: string | null;
  /** Other offboardings of the same person, newest first. */
  others: KnownOffboarding[];
  chain: ChainVerdict;
  links: { seq: number; hash: string }[];
  /** The store's own line about it. */
  row: OffboardingRow | null;
  manifests: ManifestRow[];
  /** The chain's fence, and bodies that belong to nothing. */
  loose: { fence: string | null; entries: number[]; certificates: number[] };
  plans: (PlanRow & { parsed: PlanBody | null })[];
  catalogs: CatalogRow[];
  /** Sets of overrides that plans were made with. */
  overrides: OverridesRow[];
  /** Their digests, as requests and plans have them. */
  named: string[];
  receipts: ReceiptRow[];
  images: ImageRow[];
  pages: PageRow[];
  rounds: { manifest: string; step: string; round: number }[];
  frozen: FrozenRow[];
  /** Digests of sets of keys that somebody was shown. */
  shown: string[];
  /** `gone`: where there is no body, did the chain say so? */
  certificates: (CertificateRow & {
    parsed: Record<string, unknown> | null;
    gone: 'purged' | 'missing' | null;
  })[];
  /** What came afterwards: each sweep and give-back that an addendum names, or that the store knows. */
  afterwards: Evidence[];
  archives: (Omit<ArchiveRow, 'history'> & { actual: string; history: History | null })[];
  /** Open, or closed and not yet archived: as Temporal has them. */
  live: { run: string; history: History }[];
  /** The same of those that are archived, as long as Temporal knows them. */
  known: { run: string; history: History }[];
  /** Why Temporal said nothing; null = it was asked. */
  unasked: string | null;
  /** Why there is no history, where there is none. */
  missing: string | null;
}

/** The parts of a plan that an audit reads. */
export interface PlanBody {
  offboardingId: string;
  revision: number;
  manifest: string;
  leaver: { id: string; name: string; human: string };
  overridesDigest: string;
  systems: { system: string; catalog: string }[];
  steps: { id: string; phase: string; title: string; baseline: { count: number; fingerprint: string } }[];
}

/**
 * @param temporal a rejection is no reason not to tell the rest
 * @param kind of what `known` is, where its workflow id does not say so
 */
export async function gather(
  store: Store,
  known: KnownOffboarding,
  temporal: () => Promise<Client>,
  kind: Kind = kindUnder(known.workflow) ?? 'offboarding',
): Promise<Evidence> {
  const { trail } = store;
  const { offboarding, workflow } = known;
  const [chain, links, row, loose, plans, receipts, certificates, archives, others] = await Promise.all([
    store.audit.read(offboarding),
    trail.links(offboarding),
    trail.offboarding(offboarding),
    trail.loose(offboarding),
    trail.plans(offboarding),
    trail.receipts(offboarding),
    trail.certificates(offboarding),
    trail.archives(offboarding, workflow),
    workflow ? trail.ofWorkflow(workflow) : [],
  ]);
  const parsedPlans = plans.map(plan => ({ ...plan, parsed: parse<PlanBody>(plan.body) }));
  const manifests = parsedPlans.flatMap(plan => plan.parsed?.manifest ?? []);
  const purged = purgedCertificates(chain);
  const parsedCertificates = certificates.map(row => ({
    ...row,
    parsed: row.body === null ? null : parse<Record<string, unknown>>(row.body),
    gone: row.body !== null ? null : purged.has(row.number) ? ('purged' as const) : ('missing' as const),
  }));
  const shown = shownKeys(chain, parsedCertificates);
  const made = new Set(parsedPlans.map(({ parsed }) => parsed?.overridesDigest));
  const sets = namedOverrides(chain).filter(digest => made.has(digest));
  const ours = keptOf(archives).filter(
    row => row.offboarding === offboarding || row.history?.offboarding === offboarding,
  );
  const archived = new Set(ours.map(row => row.run));
  const named = runsNamed(chain, parsedPlans);
  const { histories, unasked } = await askTemporal(temporal, kind, known, [...named, ...archived]);
  return {
    kind,
    offboarding,
    workflow,
    others: others.filter(other => other.offboarding !== offboarding),
    chain,
    links,
    row,
    loose,
    manifests: await trail.manifests(offboarding, manifests),
    plans: parsedPlans,
    catalogs: await trail.catalogs(
      parsedPlans.flatMap(plan => plan.parsed?.systems?.map(({ catalog }) => catalog) ?? []),
    ),
    overrides: await trail.overrides(sets),
    named: sets,
    receipts,
    images: await trail.images(receipts.flatMap(row => row.before_images ?? [])),
    pages: await trail.pages(manifests),
    rounds: await trail.rounds(manifests),
    frozen: await trail.frozen(shown),
    shown,
    certificates: parsedCertificates,
    afterwards: kind === 'offboarding' ? await afterwardsOf(store, chain, known, temporal) : [],
    archives: ours,
    live: histories.filter(({ run }) => !archived.has(run)),
    known: histories.filter(({ run }) => archived.has(run)),
    unasked,
    missing:
      ours.length + histories.length > 0
        ? null
        : (unasked ?? 'Temporal no longer has the history, and there is no archive of it.'),
  };
}

/** What a workflow id is of; null = nothing that this version knows. */
function kindUnder(workflow: string | null): Kind | null {
  const installation = workflow && installationOf(workflow);
  return installation ? kindOf(idsOf(installation), workflow) : null;
}

/**
 * The sweep and the give-back of an offboarding: those that the store knows under their ids, those of which an
 * addendum tells, and what was announced and is not among them. An addendum's subject names its own, and stays
 * where a body was purged.
 */
async function afterwardsOf(
  store: Store,
  { entries }: ChainVerdict,
  { offboarding, workflow }: KnownOffboarding,
  temporal: () => Promise<Client>,
): Promise<Evidence[]> {
  const { trail } = store;
  const installation = workflow && installationOf(workflow);
  const ids = installation ? idsOf(installation) : null;
  const after = ids ? [ids.sweep(offboarding), ids.giveBack(offboarding)] : [];
  const known = (await Promise.all(after.map(id => trail.ofWorkflow(id)))).flat();
  const named = entries.flatMap(({ kind, subject }) =>
    kind === 'addendum' ? subject.split(' ').slice(3) : [],
  );
  const announced = entries.flatMap(({ kind, body }) =>
    kind === 'closed' ? ((body.after ?? []) as Announced[]) : [],
  );
  const found = new Set([...named, ...known.map(one => one.offboarding)]);
  found.delete(offboarding);
  const kindOfAfter = async (id: string): Promise<Announced['kind']> => {
    // Whatever the store says of it, it is no run, and nothing comes after it.
    const said =
      announced.find(other => other.id === id)?.kind ?? kindUnder((await trail.known(id))?.workflow ?? null);
    return said === 'give-back' ? said : 'sweep';
  };
  // A run that was reset announces another, which does not begin where one is there already.
  const there = new Set(await Promise.all([...found].map(kindOfAfter)));
  for (const one of announced) if (!there.has(one.kind)) found.add(one.id);
  return Promise.all(
    [...found].map(async id => {
      const one = await trail.known(id);
      const kind = await kindOfAfter(id);
      // Where it must have run is known: what the store says about that is held against it.
      const ran = kind === 'sweep' ? ids?.sweep(offboarding) : ids?.giveBack(offboarding);
      const subject = { offboarding: id, workflow: ran ?? one?.workflow ?? null, at: one?.at ?? '' };
      return gather(store, subject, temporal, kind);
    }),
  );
}

/** Archived histories, unpacked, with the digests that they give now. */
function keptOf(archives: readonly ArchiveRow[]): Evidence['archives'] {
  return archives.map(({ history, ...row }) => ({
    ...row,
    actual: archiveDigest(row, history),
    history: unpack(history),
  }));
}

/** What a request, or an amendment that was accepted, says by digest. */
function namedOverrides({ entries }: ChainVerdict): string[] {
  const given = entries.map(({ kind, body }) => {
    const said = kind === 'requested' ? body.request : kind === 'decision' ? body.payload : null;
    return (said as { overrides?: unknown } | null)?.overrides;
  });
  const references = given.filter(one => typeof one === 'string' && isReference(one)) as string[];
  return [...new Set(references.map(digestIn))];
}

const NAMES_RUN = /^(?:decision|notice|flood|closed|sweep-ended|given-back) (\S+)/;

/** Run ids that chain and plans speak of: of each there must be a history. */
export function runsNamed({ entries }: ChainVerdict, plans: readonly Pick<PlanRow, 'run'>[]): Set<string> {
  const told = entries.flatMap(({ subject }) => NAMES_RUN.exec(subject)?.[1] ?? []);
  return new Set([...told, ...plans.map(({ run }) => run)]);
}

/** What Temporal has of an offboarding: of the runs that somebody names, and of others under its id. */
async function askTemporal(
  temporal: () => Promise<Client>,
  kind: Kind,
  { offboarding, workflow }: KnownOffboarding,
  named: readonly string[],
): Promise<{ histories: { run: string; history: History }[]; unasked: string | null }> {
  if (!workflow) return { histories: [], unasked: 'Nothing says under which workflow id it ran.' };
  const histories = new Map<string, History>();
  try {
    const client = await temporal();
    // Lists follow late: who is named is asked for by name, and who has just begun by its id.
    const runs = new Set(named);
    const newest = await client.workflow.getHandle(workflow).describe().catch(unknown);
    if (newest?.memo?.offboardingId === offboarding) runs.add(newest.runId);
    for await (const run of client.workflow.list({
      query: `WorkflowId = "${workflow}" and WorkflowType = "${TYPES[kind]}"`,
    }))
      if (run.memo?.offboardingId === offboarding) runs.add(run.runId);
    for (const run of runs) {
      const history = await client.workflow.getHandle(workflow, run).fetchHistory().catch(unknown);
      const read = history && new History(historyToJSON(history));
      if (read?.offboarding === offboarding) histories.set(run, read);
    }
    return { histories: [...histories].map(([run, history]) => ({ run, history })), unasked: null };
  } catch (error) {
    return {
      histories: [...histories].map(([run, history]) => ({ run, history })),
      unasked: `The live history could not be read: ${(error as Error).message}`,
    };
  }
}

const TYPES: Record<Kind, string> = {
  offboarding: OFFBOARD_USER,
  sweep: SWEEP_STRAGGLERS,
  'give-back': GIVE_BACK,
};

/** Forgotten, never there, or no run id at all. */
function unknown(error: unknown): null {
  if (error instanceof WorkflowNotFoundError) return null;
  if (
    isGrpcServiceError((error as { cause?: unknown }).cause) &&
    (error as { cause: { code: number } }).cause.code === INVALID
  )
    return null;
  throw error;
}

/** gRPC: a text that is no run id. */
const INVALID = 3;

/** Numbers of the certificates whose bodies were taken away, as the chain says. */
export function purgedCertificates(chain: ChainVerdict): Set<number> {
  const said = chain.entries.filter(entry => entry.kind === PURGED && !entry.gone);
  return new Set(said.flatMap(({ body }) => [body.certificates ?? []].flat().map(Number)));
}

/** Sets of rows as they were whose bodies were taken away, as the chain says. */
export function purgedImages(chain: ChainVerdict): Set<string> {
  const said = chain.entries.filter(entry => entry.kind === PURGED && !entry.gone);
  return new Set(said.flatMap(({ body }) => [body.images ?? []].flat().map(String)));
}

/**
 * Digests of frozen keys that steps, acknowledgements and skips of an offboarding name, and questions of a sweep:
 * one about keys that people settle by hand has their digest for its mark.
 */
function shownKeys(
  chain: ChainVerdict,
  certificates: readonly { parsed: Record<string, unknown> | null }[],
): string[] {
  const digests = new Set<string>();
  for (const { body } of chain.entries) {
    const { leftover } = body as { leftover?: { digest?: string } | null };
    if (leftover?.digest) digests.add(leftover.digest);
    const { questions = [] } = body as { questions?: { mark?: string }[] };
    for (const { mark } of questions) if (mark && /^[0-9a-f]{64}$/.test(mark)) digests.add(mark);
  }
  for (const { parsed } of certificates) {
    const { acknowledgements, waivers } = (parsed ?? {}) as {
      acknowledgements?: Record<string, { frozen?: string | null }>;
      waivers?: Record<string, { leftover?: { digest?: string } }>;
    };
    for (const one of Object.values(acknowledgements ?? {})) if (one.frozen) digests.add(one.frozen);
    for (const one of Object.values(waivers ?? {}))
      if (one.leftover?.digest) digests.add(one.leftover.digest);
  }
  return [...digests];
}

function parse<T>(text: string): T | null {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as T) : null;
  } catch {
    return null;
  }
}

function unpack(bytes: Buffer): History | null {
  try {
    return new History(JSON.parse(gunzipSync(bytes).toString()));
  } catch {
    return null;
  }
}
