/**
 * Fetches one file from a store with the certificate of an agent, as an agent would, and prints its digest; run inside a
 * network namespace.
 *   node --import tsx test/lab/store-ask.ts HOME AGENT ENDPOINT PATH FILE
 */
import { readIdentity } from '../../agent/store/own-identity.ts';
import { download } from '../../agent/store/client.ts';

const [home = '', agent = '', endpoint = '', path = '', file = ''] = process.argv.slice(2);
const identity = await readIdentity(home);
const signal = AbortSignal.timeout(120_000);
const { digest } = await download({ agent, endpoints: [endpoint] }, path, file, { identity, signal });
process.stdout.write(`${digest}\n`);
