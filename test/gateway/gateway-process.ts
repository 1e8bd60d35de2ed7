/** The process behind killed.test.ts: a gateway that may be killed. */
import { readFileSync } from 'node:fs';
import { startGateway } from '../../gateway/start.js';
import type { Config } from '../../runtime/config.js';

const config = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Config;
const gateway = await startGateway(config, process.env);
process.once('disconnect', () => process.exit(0));
process.send!(gateway.url);
