/**
 * Many runs ask a database the same: it is read once for all who asked before it was read, and for nobody
 * else.
 */
import { expect, test } from 'vitest';
import { NextReading } from '../../connectors/postgres/next-reading.js';

/** Readings that end when they are told to. */
function readings() {
  const begun: { answer: (value: number) => void; fail: (error: Error) => void }[] = [];
  const reading = new NextReading<number>(() => new Promise((answer, fail) => begun.push({ answer, fail })));
  return { reading, begun };
}
const settled = () => new Promise(done => setImmediate(done));

test('who asks while it is read gets the next reading, together with everybody else who does', async () => {
  const { reading, begun } = readings();
  const first = reading.ask();
  const others = Promise.all([reading.ask(), reading.ask(), reading.ask()]);
  expect(begun).toHaveLength(1);
  begun[0]!.answer(1);
  expect(await first).toBe(1);
  await settled();
  expect(begun).toHaveLength(2);
  const late = reading.ask();
  begun[1]!.answer(2);
  expect(await others).toEqual([2, 2, 2]);
  await settled();
  expect(begun, 'what was asked after it began').toHaveLength(3);
  begun[2]!.answer(3);
  expect(await late).toBe(3);
  void reading.ask();
  expect(begun, 'nothing is kept').toHaveLength(4);
});

test('a reading that fails is the failure of those who waited for it, and of nobody after', async () => {
  const { reading, begun } = readings();
  const first = reading.ask();
  const next = reading.ask();
  begun[0]!.fail(new Error('lost'));
  await expect(first).rejects.toThrow('lost');
  await settled();
  begun[1]!.answer(2);
  expect(await next).toBe(2);
});

test('who is called off stops waiting; the others get their answer', async () => {
  const { reading, begun } = readings();
  const abort = new AbortController();
  const one = reading.ask(abort.signal);
  void reading.ask().catch(() => {});
  abort.abort(new Error('called off'));
  await expect(one).rejects.toThrow('called off');
  await expect(reading.ask(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  begun[0]!.answer(1);
  await settled();
  expect(begun).toHaveLength(2);
  begun[1]!.answer(2);
});
