/** The process behind figure.ts: one gateway, until whoever started it lets go. */
import { startGateway } from '../../gateway/start.js';
import { readConfig } from '../../runtime/config.js';

export interface GatewayOrder {
  address: string;
  taskQueue: string;
  config: string;
  tokens: string;
}

const order = JSON.parse(process.argv[2]!) as GatewayOrder;
const config = readConfig(order.config);
config.installation = order.taskQueue;
config.temporal = { ...config.temporal, address: order.address, taskQueue: order.taskQueue };
config.gateway = { listen: '127.0.0.1:0', keys: [], tokens: order.tokens, oidc: [] };
const gateway = await startGateway(config, process.env);
process.once('disconnect', () => void gateway.stop().then(() => process.exit(0)));
process.send!(gateway.url);
