import type { NimPairs, NimResourceSpec } from '../../../shared/task/nim.ts';

/**
 * Runs at the end of an installation on the node itself, in the AIX shell: takes the postscripts from the install
 * server and has them run at the first boot. The name is the one administrators know.
 */
function content(postscripts: string): string {
  return `#!/bin/sh
# Made by Hostler. Runs on an AIX node at the end of its installation.
PATH=/usr/bin:/usr/sbin:/etc:/sbin; export PATH
. /etc/niminfo
mkdir -p /xcatpost /var/log/xcat
log() { echo "$(date) $*" >>/var/log/xcat/xcat.log; }
if mount -o ro "$NIM_MASTER_HOSTNAME:${postscripts}" /mnt; then
  cp -pR /mnt/* /xcatpost/ && log "postscripts were copied"
  umount /mnt
else
  log "the postscripts of $NIM_MASTER_HOSTNAME cannot be mounted"
fi
printf 'NODE=%s\\nMASTER=%s\\n' "$NIM_NAME" "$NIM_MASTER_HOSTNAME" >/etc/xcatinfo
if [ -x /xcatpost/hostleraixpost ]; then
  lsitab hostler >/dev/null 2>&1 || mkitab "hostler:2:wait:/xcatpost/hostleraixpost >/dev/console 2>&1"
else
  log "hostleraixpost is not among the postscripts: none will run"
fi
exit 0
`;
}

/** `postscripts`: the folder on the master; a plain path, since it stands in a shell script. */
export function aixScript(base: string, postscripts: string, attributes: NimPairs = []): NimResourceSpec {
  return {
    type: 'script',
    name: 'xcataixscript',
    make: { location: `${base}/scripts/xcataixscript`, attributes, content: content(postscripts) },
  };
}
