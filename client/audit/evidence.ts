/**
 * Everything that is known about one offboarding, from wherever it lies: chain, plans, manifests, receipts,
 * certificates and archived histories in the store; the live history in Temporal until there is an archive.
 * Only reads.
 */
import { gunzipSync } from 'node:zlib';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { digestIn, isReference } from '../../domain/overrides.js';
import { type ChainVerdict, PURGED } from '../../store/audit.js';
import { sha256 } from '../../store/digest.js';
import type { Store } from '../../store/store.js';
import type {
  ArchiveRow,
  CatalogRow,
  CertificateRow,
  FrozenRow,
  ImageRow,
  KnownOffboarding,
  OverridesRow,
  PageRow,
  PlanRow,
  ReceiptRow,
} from '../../store/trail.js';
import { History } from './history.js';

export interface Evidence {
  offboarding: string;
  workflow: string | null;
  /** Other offboardings of the same person, newest first. */
  others: KnownOffboarding[];
  chain: ChainVerdict;
  links: { seq: number; hash: string }[];
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
  archives: (Omit<ArchiveRow, 'history'> & { actual: string; history: History | null })[];
  /** Open, or closed and not yet archived: as Temporal has them. */
  live: { run: string; history: History }[];
  /** Why there is no history, where there is none. */
  missing: string | null;
}

/** The parts of a plan that an audit reads. */
export interface PlanBody {
  offboardingId: string;
  revision: number;
  manifest: string;
  leaver: { id: string; name: string };
  overridesDigest: string;
  systems: { system: string; catalog: string }[];
  steps: { id: string; phase: string; title: string; baseline: { count: number; fingerprint: string } }[];
}

/**
 * @param temporal asked only for runs that no archive holds; a rejection is no reason not to tell the rest
 */
export async function gather(
  store: Store,
  known: KnownOffboarding,
  temporal: () => Promise<Client>,
): Promise<Evidence> {
  const { trail } = store;
  const { offboarding, workflow } = known;
  const [chain, links, plans, receipts, certificates, archives, others] = await Promise.all([
    store.audit.read(offboarding),
    trail.links(offboarding),
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
  const named = namedOverrides(chain).filter(digest => made.has(digest));
  const kept = archives.map(({ history, ...row }) => ({
    ...row,
    actual: sha256(history),
    history: unpack(history),
  }));
  const ours = kept.filter(
    row => row.offboarding === offboarding || row.history?.offboarding === offboarding,
  );
  const archived = new Set(ours.map(row => row.run));
  // Where each of them went on in a fresh one, the last is still to be asked for. Every ending says in the
  // chain which run it was of.
  const goesOn = ours.every(row => row.status === 'CONTINUED_AS_NEW');
  const closed = chain.entries.flatMap(({ subject }) => subject.match(/^closed (.+)$/)?.[1] ?? []);
  const live =
    goesOn || closed.some(run => !archived.has(run))
      ? await liveHistory(temporal, known, archived)
      : { histories: [], missing: null };
  return {
    offboarding,
    workflow,
    others: others.filter(other => other.offboarding !== offboarding),
    chain,
    links,
    plans: parsedPlans,
    catalogs: await trail.catalogs(
      parsedPlans.flatMap(plan => plan.parsed?.systems?.map(({ catalog }) => catalog) ?? []),
    ),
    overrides: await trail.overrides(named),
    named,
    receipts,
    images: await trail.images(receipts.flatMap(row => row.before_images ?? [])),
    pages: await trail.pages(manifests),
    rounds: await trail.rounds(manifests),
    frozen: await trail.frozen(shown),
    shown,
    certificates: parsedCertificates,
    archives: ours,
    live: live.histories,
    missing: live.missing,
  };
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

async function liveHistory(
  temporal: () => Promise<Client>,
  { offboarding, workflow }: KnownOffboarding,
  archived: ReadonlySet<string>,
): Promise<{ histories: Evidence['live']; missing: string | null }> {
  if (!workflow) return { histories: [], missing: 'Nothing says under which workflow id it ran.' };
  try {
    const client = await temporal();
    const histories: Evidence['live'] = [];
    for await (const run of client.workflow.list({
      query: `WorkflowId = "${workflow}" and WorkflowType = "offboardUser"`,
    })) {
      if (run.memo?.offboardingId !== offboarding || archived.has(run.runId)) continue;
      const history = await client.workflow.getHandle(workflow, run.runId).fetchHistory();
      histories.push({ run: run.runId, history: new History(historyToJSON(history)) });
    }
    return {
      histories,
      missing:
        histories.length > 0 ? null : 'Temporal no longer has the history, and there is no archive of it.',
    };
  } catch (error) {
    return { histories: [], missing: `The live history could not be read: ${(error as Error).message}` };
  }
}

/** Numbers of the certificates whose bodies were taken away, as the chain says. */
export function purgedCertificates(chain: ChainVerdict): Set<number> {
  const said = chain.entries.filter(entry => entry.kind === PURGED && !entry.gone);
  return new Set(said.flatMap(({ body }) => [body.certificates ?? []].flat().map(Number)));
}

/** Digests of frozen keys that steps, acknowledgements and skips of this offboarding name. */
function shownKeys(
  chain: ChainVerdict,
  certificates: readonly { parsed: Record<string, unknown> | null }[],
): string[] {
  const digests = new Set<string>();
  for (const { body } of chain.entries) {
    const { leftover } = body as { leftover?: { digest?: string } | null };
    if (leftover?.digest) digests.add(leftover.digest);
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
