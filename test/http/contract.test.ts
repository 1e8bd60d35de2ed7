/** The HTTP connector keeps the contract, over a real socket, whatever its system does to it. */
import { describeContract } from '../contract/contract.js';
import { deskHarness } from './harness.js';

const connect = '{ timeout: 400ms, lands_within: 800ms }';

describeContract(deskHarness({ connect }));

describeContract({ ...deskHarness({ connect, compare: 'etag' }), kind: 'http whose items have ETags' });

describeContract({
  ...deskHarness({
    connect: '{ timeout: 400ms, lands_within: 800ms, batch: 1 }',
    doubts: ['lands-late'],
    lacks: ['block', 'unblock', 'reactivate', 'guards', 'seats', 'unassigned'],
  }),
  kind: 'http that takes one item at a time',
});
