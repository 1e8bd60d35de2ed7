/** Activities that run more often than once: as after a lost answer, and as after a lost heartbeat. */

export type Verb = (input: never) => Promise<unknown>;

export const WAYS: Readonly<Record<string, (verb: Verb) => Verb>> = {
  'twice, the first result lost': verb => async input => {
    await verb(input);
    return verb(input);
  },
  'twice at once': verb => async input => {
    // Whatever the first attempt comes to, only the second one's answer is heard, as after a lost heartbeat.
    const [, second] = await Promise.allSettled([verb(input), verb(input)]);
    if (second!.status === 'rejected') throw second!.reason;
    return second!.value;
  },
};
