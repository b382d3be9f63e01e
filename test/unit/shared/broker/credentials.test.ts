import { createPrivateKey } from 'node:crypto';
import { fromSeed } from 'nkeys.js';
import { expect, test } from 'vitest';
import { makeNatsKey } from '../../../../agent/identity/nats-key.ts';
import { credentialsText } from '../../../../shared/broker/credentials.ts';

test('a key is written as nats-server reads it: the library for nkeys finds the same one', () => {
  for (let count = 0; count < 20; count++) {
    const { privateKey, publicKey } = makeNatsKey();
    const lines = credentialsText('ey.J.wt', privateKey).split('\n');
    expect(lines[1]).toBe('ey.J.wt');
    const found = fromSeed(new TextEncoder().encode(lines[5]));
    expect(found.getPublicKey()).toMatch(/^U/);
    const message = Buffer.from('nonce');
    expect(found.verify(message, found.sign(message))).toBe(true);
    const raw = Buffer.from((found as unknown as { getRawSeed(): Uint8Array }).getRawSeed());
    expect(raw.equals(createPrivateKey(privateKey).export({ type: 'pkcs8', format: 'der' }).subarray(-32))).toBe(true);
    expect(publicKey).toHaveLength(32);
  }
});
