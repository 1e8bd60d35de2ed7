/**
 * Holds everything that was written about one offboarding against its digests and against each other. A
 * changed byte is named: every mismatch is a sentence that says which row, what stands there and what it
 * should be.
 *
 * What hangs on what: the chain on itself, its checkpoint and the certificate; plans on their digests and the
 * chain; catalogs on the digests that plans name; sets of overrides on those that requests name; manifest pages on their digests and the plan's counts;
 * receipts on their digests and the chain's last entry; the certificate on the history's result.
 */
import type { Elsewhere } from '../../domain/consequences.js';
import type { Identities, ItemException } from '../../domain/model.js';
import { nameOf } from '../../store/before-images.js';
import { sha256 } from '../../store/digest.js';
import { sharesOf } from '../../store/keys.js';
import { type Receipt, receiptDigest } from '../../store/ledger.js';
import type { ReceiptRow } from '../../store/trail.js';
import { type Evidence, type PlanBody, purgedCertificates } from './evidence.js';

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
  breaks: string[];
}

export function verify(evidence: Evidence): Verdict {
  const breaks = [
    ...evidence.chain.breaks.map(sentence => `handover.audit: ${sentence}`),
    ...chain(evidence),
    ...plans(evidence),
    ...catalogs(evidence),
    ...overrides(evidence),
    ...pages(evidence),
    ...receipts(evidence),
    ...images(evidence),
    ...keySets(evidence),
    ...certificates(evidence),
    ...histories(evidence),
  ];
  return {
    ok: breaks.length === 0,
    checked: {
      entries: evidence.chain.entries.length,
      plans: evidence.plans.length,
      catalogs: evidence.catalogs.length,
      overrides: evidence.overrides.length,
      pages: evidence.pages.length,
      receipts: evidence.receipts.length,
      images: evidence.images.length,
      keySets: evidence.frozen.length,
      certificates: evidence.certificates.length,
      histories: evidence.archives.length,
    },
    notYetArchived: evidence.live.filter(one => one.history.status !== 'RUNNING').map(one => one.run),
    purged: evidence.chain.entries.filter(entry => entry.gone === 'purged').map(entry => entry.seq),
    purgedCertificates: evidence.certificates.filter(row => row.gone === 'purged').map(row => row.number),
    breaks,
  };
}

function isClosed({ chain }: Evidence): boolean {
  return chain.entries.some(entry => entry.kind === 'closed');
}

/**
 * Somebody who can rewrite the whole chain and its checkpoint must rewrite the certificate too, which people
 * hold copies of.
 */
function chain(evidence: Evidence): string[] {
  const breaks: string[] = [];
  if (evidence.chain.entries.length === 0)
    breaks.push('handover.audit: there are no entries; every offboarding begins with one.');
  else if (!evidence.chain.head)
    breaks.push('handover.audit_heads: the checkpoint of this chain is missing.');
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
    const fingerprint = approved.reduce((all, page) => all ^ bigint(page.fingerprint), 0n).toString();
    if (approved.length > 0 && fingerprint !== step.baseline.fingerprint)
      return [
        `${name}: the fingerprints of its pages give ${fingerprint}, plan ${short(digest)} says ${step.baseline.fingerprint}.`,
      ];
    return [];
  });
}

function receipts(evidence: Evidence): string[] {
  const breaks: string[] = [];
  const closed = evidence.chain.entries.find(entry => entry.kind === 'closed');
  for (const row of evidence.receipts) {
    const name = receiptName(row);
    const actual = digestOf(row);
    if (actual !== row.digest)
      breaks.push(
        `${name}: its content gives the digest ${actual ? short(actual) : 'of nothing that can be read'}, the row says ${short(row.digest)}.`,
      );
    if (closed && row.state === 'intended')
      breaks.push(
        `${name}: it is still intended although the offboarding is closed: nobody settled it, or the row was changed.`,
      );
  }
  return closed && !closed.gone ? [...breaks, ...closing(evidence, closed)] : breaks;
}

type Listed = Pick<ReceiptRow, 'step' | 'page' | 'part' | 'mark' | 'digest' | 'state' | 'sure'>;

/** The closing entry lists all receipts, those that came to nothing included, and how each ended. */
function closing(evidence: Evidence, closed: Evidence['chain']['entries'][number]): string[] {
  const breaks: string[] = [];
  const listed = (closed.body.receipts ?? []) as Listed[];
  for (const one of listed) {
    // What nobody could settle before the close has an end by now, and what it did may have become known with
    // it.
    const open = one.state === 'intended';
    const row = evidence.receipts.find(other => (open ? isSame(other, one) : other.digest === one.digest));
    const name = `handover.receipts ${one.step} page ${one.page} (${one.mark})`;
    if (!row) {
      breaks.push(
        `${name}: the receipt ${short(one.digest)}, which entry ${closed.seq} lists, is missing or has another digest.`,
      );
    } else if (!open && (row.state !== one.state || row.sure !== one.sure)) {
      breaks.push(
        `${name}: it is ${row.state} (${row.sure ?? 'unsettled'}), and entry ${closed.seq} lists it as ${one.state} (${one.sure}).`,
      );
    }
  }
  for (const row of evidence.receipts) {
    const known = listed.some(one =>
      one.state === 'intended' ? isSame(row, one) : one.digest === row.digest,
    );
    if (row.at <= closed.at && !known)
      breaks.push(`${receiptName(row)}: entry ${closed.seq}, which lists all receipts, does not know it.`);
  }
  return breaks;
}

function isSame(row: ReceiptRow, one: Listed): boolean {
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
  for (const receipt of evidence.receipts) {
    if (receipt.before_images === null) continue;
    const rows = evidence.images.filter(row => row.images === receipt.before_images);
    const name = `handover.before_images ${short(receipt.before_images)} of ${receipt.step} page ${receipt.page}`;
    if (nameOf(rows.map(row => row.digest)) !== receipt.before_images)
      breaks.push(`${name}: its rows do not give its name: rows were added, changed or removed.`);
    for (const [n, row] of rows.entries())
      if (row.actual !== null && row.actual !== row.digest)
        breaks.push(
          `${name}: row ${n + 1} gives the digest ${short(row.actual)}, it says ${short(row.digest)}.`,
        );
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
  const first = evidence.certificates[0];
  const plan = first?.parsed?.plan as { digest?: string } | null | undefined;
  if (plan?.digest && !evidence.plans.some(one => one.digest === plan.digest))
    breaks.push(`handover.plans: the plan ${short(plan.digest)}, which the certificate names, is missing.`);
  const ended = [...evidence.archives.map(row => row.history), ...evidence.live.map(one => one.history)];
  for (const history of ended) {
    const named = history?.certificate;
    if (named && first?.digest !== named) {
      breaks.push(
        `handover.certificates number 0: the run's own result names ${short(named)}, the row ${first ? `says ${short(first.digest)}` : 'is missing'}.`,
      );
    }
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
    if (evidence.workflow && row.workflow !== evidence.workflow)
      breaks.push(`${name}: it is filed under ${row.workflow}, the offboarding ran as ${evidence.workflow}.`);
  }
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
