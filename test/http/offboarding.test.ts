/** Whole offboardings over HTTP, in any kind of trouble. */
import { describeOffboardings } from '../contract/offboarding.js';
import { deskHarness } from './harness.js';

describeOffboardings(deskHarness({ connect: '{ timeout: 500ms, lands_within: 1s }' }));
