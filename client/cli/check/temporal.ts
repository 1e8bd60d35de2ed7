/**
 * Is Temporal as Handover needs it: the namespace, how long it keeps closed runs, the search attributes,
 * somebody who works.
 */
import { profileOf } from '../../../runtime/profile.js';
import { type SearchAttributeKind, searchAttributes } from '../../../runtime/search-attributes.js';
import type { Reach } from '../../reach.js';
import type { Finding } from './finding.js';

/** temporal.api.enums.v1.IndexedValueType */
const KINDS: Record<number, SearchAttributeKind> = {
  1: 'Text',
  2: 'Keyword',
  3: 'Int',
  4: 'Double',
  5: 'Bool',
  6: 'Datetime',
  7: 'KeywordList',
};
/** After a long weekend without a worker, closed runs must still be there to archive. */
const RETENTION_DAYS = 4;

export async function checkTemporal(reach: Reach): Promise<Finding[]> {
  const what = 'temporal';
  const { config, env } = await reach.installation();
  const { namespace, address, taskQueue } = config.temporal;
  const { words } = profileOf(config.temporal, env);
  const client = await reach.temporal();
  const described = await reach
    .ask(() => client.workflowService.describeNamespace({ namespace }))
    .catch((error: unknown) => {
      if (Number((error as { code?: unknown }).code) === 5) return null;
      throw error;
    });
  if (!described) {
    return [
      {
        what,
        state: 'problem',
        says: `${address} has no namespace "${namespace}".`,
        mend: `temporal operator namespace create --namespace ${namespace} --retention 90d`,
      },
    ];
  }
  const days = Number(described.config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400;
  return [
    { what, state: 'fine', says: `answers at ${address}, namespace "${namespace}", with ${words}` },
    ...retention(days, namespace),
    ...(await attributes(reach, namespace)),
    await workers(reach, namespace, taskQueue),
  ];
}

function retention(days: number, namespace: string): Finding[] {
  if (days >= RETENTION_DAYS) return [];
  return [
    {
      what: 'temporal',
      state: 'warning',
      says: `Closed runs are forgotten after ${days} day${days === 1 ? '' : 's'}: a worker that is down longer archives them too late.`,
      mend: `temporal operator namespace update --namespace ${namespace} --retention 90d`,
    },
  ];
}

async function attributes(reach: Reach, namespace: string): Promise<Finding[]> {
  const client = await reach.temporal();
  const { customAttributes } = await reach.ask(() =>
    client.connection.operatorService.listSearchAttributes({ namespace }),
  );
  const wrong = Object.entries(searchAttributes).flatMap(([name, kind]): Finding[] => {
    const there = customAttributes?.[name];
    const mend = `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${kind}`;
    if (there === undefined || there === null)
      return [
        {
          what: 'temporal',
          state: 'problem',
          says: `The search attribute ${name} is missing: runs would get stuck at once.`,
          mend,
        },
      ];
    if (KINDS[there] === kind) return [];
    return [
      {
        what: 'temporal',
        state: 'problem',
        says: `The search attribute ${name} is a ${KINDS[there] ?? there}, Handover needs a ${kind}.`,
        mend: `Remove it and create it anew: ${mend}`,
      },
    ];
  });
  if (wrong.length > 0) return wrong;
  return [
    {
      what: 'temporal',
      state: 'fine',
      says: `all ${Object.keys(searchAttributes).length} search attributes are there`,
    },
  ];
}

/**
 * A poller that was seen lately is no proof of a worker that lives; none at all is a proof of the opposite.
 */
async function workers(reach: Reach, namespace: string, taskQueue: string): Promise<Finding> {
  const client = await reach.temporal();
  const { pollers } = await reach.ask(() =>
    client.workflowService.describeTaskQueue({ namespace, taskQueue: { name: taskQueue }, taskQueueType: 1 }),
  );
  if (pollers && pollers.length > 0)
    return {
      what: 'worker',
      state: 'fine',
      says: `${pollers.length} seen lately on the task queue "${taskQueue}"`,
    };
  return {
    what: 'worker',
    state: 'warning',
    says: `Nobody works on the task queue "${taskQueue}": requests wait.`,
    mend: 'Start one: handover worker.',
  };
}
