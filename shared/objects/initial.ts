import { clustersite } from '../schema/index.ts';
import type { Change } from '../verb/effect.ts';
import { defaultsRow } from './scripts.ts';

export interface InitialOptions {
  /** The manager's short host name: it may do everything. */
  readonly server: string;
  /** Address or name by which nodes know the manager; also the first name server. Left out: not set. */
  readonly master?: string;
  readonly domain?: string;
  readonly installDir: string;
  readonly tftpDir: string;
  readonly timezone?: string;
}

/**
 * What a fresh registry holds, in the order of xCAT's tables: site defaults, policy, default postscripts. No network:
 * those are only ever defined by somebody. Source: facts on objects, sections 7, 8 and 17.
 */
export function initialObjects(options: InitialOptions): readonly Change[] {
  const changes: Change[] = [
    { type: 'site', name: clustersite, values: prefixed('site', siteDefaults(options)) },
    { type: 'policy', name: '1', values: { 'policy.name': 'root', 'policy.rule': 'allow' } },
    { type: 'policy', name: '1.2', values: { 'policy.name': options.server, 'policy.rule': 'trusted' } },
  ];
  for (const [priority, commands] of policies) {
    changes.push({ type: 'policy', name: priority, values: { 'policy.commands': commands, 'policy.rule': 'allow' } });
  }
  changes.push(
    {
      type: 'group',
      name: defaultsRow,
      values: {
        'postscripts.postscripts': 'syslog,remoteshell,syncfiles',
        'postscripts.postbootscripts': 'otherpkgs',
      },
    },
    { type: 'group', name: 'service', values: { 'postscripts.postscripts': 'servicenode' } },
  );
  return changes;
}

function siteDefaults(options: InitialOptions): Record<string, string> {
  return {
    blademaxp: '64',
    ...(options.domain === undefined ? {} : { domain: options.domain }),
    fsptimeout: '0',
    installdir: options.installDir,
    ipmimaxp: '64',
    ipmiretries: '3',
    ipmitimeout: '2',
    consoleondemand: 'no',
    ...(options.master === undefined ? {} : { master: options.master, nameservers: options.master }),
    maxssh: '8',
    ppcmaxp: '64',
    ppcretry: '3',
    ppctimeout: '0',
    powerinterval: '0',
    syspowerinterval: '0',
    sharedtftp: '1',
    SNsyncfiledir: '/var/xcat/syncfiles',
    nodesyncfiledir: '/var/xcat/node/syncfiles',
    tftpdir: options.tftpDir,
    xcatdport: '3001',
    xcatiport: '3002',
    xcatconfdir: '/etc/xcat',
    ...(options.timezone === undefined ? {} : { timezone: options.timezone }),
    useNmapfromMN: 'no',
    enableASMI: 'no',
    sshbetweennodes: 'ALLGROUPS',
    dnshandler: 'ddns',
    vsftp: 'n',
    cleanupxcatpost: 'no',
    cleanupdiskfullxcatpost: 'no',
    dhcplease: '43200',
    auditnosyslog: '0',
    xcattlspolicy: 'modern',
    auditskipcmds: 'ALL',
  };
}

/** What nodes may ask for while they have no certificate. */
const policies: readonly (readonly [priority: string, command: string])[] = [
  ['2', 'getbmcconfig'],
  ['2.1', 'remoteimmsetup'],
  ['2.3', 'lsxcatd'],
  ['3', 'nextdestiny'],
  ['4', 'getdestiny'],
  ['4.4', 'getpostscript'],
  ['4.5', 'getcredentials'],
  ['4.6', 'syncfiles'],
  ['4.7', 'litefile'],
  ['4.8', 'litetree'],
  ['4.9', 'getadapter'],
];

function prefixed(table: string, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([column, value]) => [`${table}.${column}`, value]));
}
