import { storePaths } from '../../../shared/task/blob.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { loadIdentity } from '../../identity/identity-files.ts';
import { download } from '../../store/client.ts';
import { scriptsIn } from './scripts.ts';

/** Postscripts as they run on a node: in xCAT's places, fetched from the store by this node's own certificate. */
export const scripts = scriptsIn({
  folder: '/xcatpost',
  log: '/var/log/xcat/xcat.log',
  scriptMs: 1_800_000,
  fetch: async (spec, name, file, { home, signal }) => {
    const identity = await loadIdentity(home);
    if (identity === undefined) throw new HostlerError('unauthenticated', 'This node has no certificate.');
    await download(spec.store, storePaths.postscript(name), file, { identity, signal });
  },
});
