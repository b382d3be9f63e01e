import { Outbox } from '../../../../agent/link/outbox.ts';

/** Writes and says what is promised, until it is killed. */
const [folder = ''] = process.argv.slice(2);
const outbox = await Outbox.open(folder, 'killed');
let next = 1;
while (true) {
  const lot = Array.from({ length: 7 }, () => outbox.add({ started: { id: `t${next++}`, at: 1 } }));
  for (const promised of lot) process.send?.(await promised);
}
