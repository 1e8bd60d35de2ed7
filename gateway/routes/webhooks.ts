import type { FastifyInstance } from 'fastify';
import type { Gateway } from '../gateway.js';
export function webhooks(_app: FastifyInstance, _gateway: Gateway): void {}
