import { storePaths } from '../../../shared/task/blob.ts';
import { storedIdentity } from '../../identity/identity.ts';
import { download } from '../../store/client.ts';
import { scriptsIn } from './scripts.ts';

/** Postscripts as they run on a node: in xCAT's places, fetched from the store by this node's own certificate. */
export const scripts = scriptsIn({
  folder: '/xcatpost',
  log: '/var/log/xcat/xcat.log',
  scriptMs: 1_800_000,
  fetch: async (spec, name, file, { home, signal }) => {
    await download(spec.store, storePaths.postscript(name), file, { identity: await storedIdentity(home), signal });
  },
});
