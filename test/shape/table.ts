/**
 * Who may import whom, as data. imports.test.ts checks every import of the tree against it, and
 * ARCHITECTURE.md prints it.
 *
 *   workers → activities → {connectors, store} → domain ← workflows      client → {workflows/messages, store, domain, runtime}
 *
 * What a row does not name is forbidden: a new folder, or a new package in a pure folder, is a decision and
 * not an accident. A file belongs to the row that names most of its path; a folder with rows of its own
 * inside opens only what lies directly in it.
 */

export interface Row {
  folder: string;
  /** Folders or files of ours, besides the folder itself. */
  ours: readonly string[];
  /** The same, but only as `import type`: nothing of them may end up in what runs. */
  typesOnly?: readonly string[];
  /** Packages from npm: a closed list for the pure folders, or everything but some. */
  packages: { only: readonly string[] } | { not: readonly string[] };
  /** Node's own modules. */
  node: boolean;
  /** Globals and calls that this folder does without, each as it is written in code. */
  without?: readonly string[];
}

/** Every package of Temporal's. */
const TEMPORAL = '@temporalio/*';
/** What Node adds to JavaScript; Temporal's sandbox has none of it. */
/** What only runs inside a worker. */
const IN_A_WORKER = ['@temporalio/worker', '@temporalio/workflow', '@temporalio/activity'];
const NODE_GLOBALS = ['process', 'Buffer', '__dirname', '__filename', 'global', 'setImmediate'];

export const TABLE: readonly Row[] = [
  {
    folder: 'domain',
    ours: [],
    packages: { only: ['zod', '@noble/hashes'] },
    node: false,
    // Values in, values out: no I/O, clock or randomness. The time is an argument.
    without: [
      ...NODE_GLOBALS,
      'Date.now',
      'new Date()',
      'Math.random',
      'fetch',
      'console',
      'crypto',
      'performance',
    ],
  },
  {
    folder: 'workflows',
    ours: ['domain'],
    typesOnly: ['activities'],
    packages: { only: ['@temporalio/workflow', '@temporalio/common'] },
    node: false,
    // Date and Math.random are Temporal's own in the sandbox and replay.
    without: [...NODE_GLOBALS, 'fetch', 'console', 'performance'],
  },
  {
    folder: 'activities',
    ours: ['connectors', 'store', 'domain'],
    packages: { not: ['pg', '@temporalio/worker', '@temporalio/workflow'] },
    node: true,
    without: ['process.env'],
  },
  {
    folder: 'connectors',
    ours: ['domain'],
    packages: { not: [TEMPORAL] },
    node: true,
    without: ['process.env'],
  },
  { folder: 'store', ours: ['domain'], packages: { not: [TEMPORAL] }, node: true, without: ['process.env'] },
  {
    folder: 'runtime',
    ours: ['domain'],
    packages: { not: ['@temporalio/worker', '@temporalio/workflow'] },
    node: true,
  },
  // The client by its rooms. What lies directly in client/ is shared, and knows nothing of who uses it.
  {
    folder: 'client',
    ours: ['workflows/messages', 'store', 'domain', 'runtime'],
    packages: { not: IN_A_WORKER },
    node: true,
  },
  {
    folder: 'client/audit',
    ours: ['workflows/messages', 'store', 'domain'],
    packages: { not: IN_A_WORKER },
    node: true,
  },
  {
    folder: 'client/cli',
    ours: [
      'client',
      'client/audit',
      'client/demo',
      'client/local',
      'workflows/messages',
      'store',
      'domain',
      'runtime',
    ],
    packages: { not: IN_A_WORKER },
    node: true,
  },
  {
    folder: 'client/demo',
    ours: ['client', 'client/local', 'examples/demo', 'workflows/messages', 'domain', 'runtime'],
    packages: { not: [...IN_A_WORKER, 'pg'] },
    node: true,
  },
  {
    folder: 'client/local',
    ours: ['client', 'workflows/messages', 'domain', 'runtime'],
    packages: { not: [...IN_A_WORKER, 'pg'] },
    node: true,
  },
  // Holds no credential of a target: what needs one it asks of workers, through Temporal and the store.
  {
    folder: 'gateway',
    ours: ['client', 'client/audit', 'workflows/messages', 'store', 'domain', 'runtime'],
    packages: { not: [...IN_A_WORKER, 'pg'] },
    node: true,
    without: ['process.env'],
  },
  {
    folder: 'workers',
    ours: ['activities', 'connectors', 'store', 'runtime', 'domain'],
    typesOnly: ['workflows'],
    packages: { not: [] },
    node: true,
  },
];

/** A file of a room that brings what its row forbids, and nothing else of it. */
export interface Exemption {
  file: string;
  /** Folders or files of ours, and packages. */
  brings: readonly string[];
  because: string;
}

/** All there are in `client/`: the files that bring a worker, a gateway or a connector into a command. */
export const EXEMPT: readonly Exemption[] = [
  { file: 'client/cli/worker.ts', brings: ['workers'], because: '`worker` is one' },
  { file: 'client/cli/gateway.ts', brings: ['gateway'], because: '`gateway` is one' },
  {
    file: 'client/cli/try-webhook.ts',
    brings: ['gateway/webhooks'],
    because: '`try-webhook` reads a body as the gateway does',
  },
  {
    file: 'client/local/gateway.ts',
    brings: ['gateway'],
    because: '`dev` and `demo` bring one up',
  },
  {
    file: 'client/local/installation.ts',
    brings: ['workers', '@temporalio/worker'],
    because: '`dev` and `demo` run one on this machine',
  },
  {
    file: 'client/systems.ts',
    brings: ['connectors', 'workers/systems'],
    because: '`check`, `discover`, `items` and whoever looks a person up ask the systems themselves',
  },
];

/**
 * Places that wire a whole program together and may import anything of ours: the program's entry, scripts,
 * tests.
 */
export const COMPOSITION_ROOTS: readonly RegExp[] = [/^(bin|bench|deploy|examples|test)\//];

/** The table as ARCHITECTURE.md shows it. */
export function asMarkdown(table: readonly Row[] = TABLE): string[] {
  const code = (names: readonly string[]): string => names.map(name => `\`${name}\``).join(', ');
  return [
    '| folder | may import of ours | from outside |',
    '|---|---|---|',
    ...table.map(row => {
      const types = row.typesOnly
        ? `${row.ours.length > 0 ? '; ' : ''}as \`import type\` only: ${code(row.typesOnly)}`
        : '';
      const ours = `${code(row.ours)}${types}` || 'nothing';
      const packages =
        'only' in row.packages
          ? `only ${code(row.packages.only)}`
          : row.packages.not.length > 0
            ? `anything but ${code(row.packages.not)}`
            : 'anything';
      const without = row.without?.includes('process.env') ? '; no `process.env`' : '';
      return `| \`${row.folder}\` | ${ours} | ${packages}${row.node ? '' : '; no Node'}${without} |`;
    }),
  ];
}

/** The exemptions as ARCHITECTURE.md shows them. */
export function exemptionsAsMarkdown(exempt: readonly Exemption[] = EXEMPT): string[] {
  return [
    '| file | also imports | because |',
    '|---|---|---|',
    ...exempt.map(
      one => `| \`${one.file}\` | ${one.brings.map(name => `\`${name}\``).join(', ')} | ${one.because} |`,
    ),
  ];
}
