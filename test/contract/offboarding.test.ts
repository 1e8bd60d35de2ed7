/** Whole offboardings on a system without transactions. */
import { memoryHarness } from './memory/harness.js';
import { describeOffboardings } from './offboarding.js';

describeOffboardings(memoryHarness());
