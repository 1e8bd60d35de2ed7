/** The worker of the workflow written by hand, with the settings of ours where they matter. */
import { NativeConnection, Worker } from '@temporalio/worker';
import pg from 'pg';
import { createActivities } from './activities.js';

export interface ByHandOptions {
  address: string;
  taskQueue: string;
  /** Connection strings. */
  office: string;
  desk: string;
}

/** Answers how to stop it. */
export async function startByHandWorker({
  address,
  taskQueue,
  ...urls
}: ByHandOptions): Promise<() => Promise<void>> {
  const pools = { office: poolOf(urls.office), desk: poolOf(urls.desk) };
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowsPath: new URL('./workflow.ts', import.meta.url).pathname,
    activities: createActivities(pools),
    shutdownGraceTime: '30s',
  });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
    await connection.close();
    await Promise.all(Object.values(pools).map(pool => pool.end()));
  };
}

/** As a good engineer sets it up. */
export function poolOf(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: 10,
    connectionTimeoutMillis: 30_000,
    statement_timeout: 30_000,
  });
  // An idle connection that breaks is replaced; without a listener it would end the process.
  pool.on('error', error => console.error(error.message));
  return pool;
}
