/** Which attributes `nim -o define` wants and takes for each type (facts, section 4.1). */
export interface TypeRule {
  readonly class: 'machines' | 'resources' | 'networks' | 'groups';
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly help: string;
}

const machine = [
  'cable_type',
  'platform',
  'netboot_kernel',
  'net_definition',
  'net_settings',
  'connect',
  'cpuid',
  'iplrom_emu',
  'comments',
  'group',
  'mgmt_profile',
  'vlan_tag',
  'verbose',
];
const file = ['source', 'nfs_vers', 'nfs_sec', 'group', 'comments', 'verbose', 'dest_dir'];
const folder = ['comments', 'group', 'verbose', 'nfs_vers', 'nfs_sec'];
const fileTypes = [
  'bosinst_data',
  'image_data',
  'resolv_conf',
  'script',
  'fb_script',
  'installp_bundle',
  'fix_bundle',
  'exclude_files',
  'adapter_def',
  'vg_data',
  'file_res',
  'log',
];
const networks = ['ent', 'ent6', 'hfi', 'tok', 'fddi', 'atm', 'generic'];

export const types: Readonly<Record<string, TypeRule>> = {
  standalone: { class: 'machines', required: ['if'], optional: machine, help: 'standalone machine' },
  diskless: {
    class: 'machines',
    required: ['if'],
    optional: [...machine, 'dump_iscsi_port'],
    help: 'diskless machine',
  },
  dataless: { class: 'machines', required: ['if'], optional: machine, help: 'dataless machine' },
  ...Object.fromEntries(
    networks.map((type) => [
      type,
      {
        class: 'networks',
        required: ['net_addr', 'snm'],
        optional: ['routing', 'comments', 'ieee_ent', 'other_net_type'],
        help: `${type} network`,
      } satisfies TypeRule,
    ]),
  ),
  mac_group: { class: 'groups', required: ['add_member'], optional: ['comments'], help: 'machine group' },
  res_group: {
    class: 'groups',
    required: [],
    optional: ['comments', ...fileTypes, 'spot', 'lpp_source', 'mksysb'],
    help: 'resource group',
  },
  lpp_source: {
    class: 'resources',
    required: ['location', 'server'],
    optional: [
      'source',
      'packages',
      'use_source_simages',
      'arch',
      'multi_volume',
      'show_progress',
      'nfs_vers',
      'nfs_sec',
      'group',
      'verbose',
      'comments',
    ],
    help: 'source device for optional product images',
  },
  spot: {
    class: 'resources',
    required: ['server', 'location'],
    optional: [
      'source',
      'installp_flags',
      'auto_expand',
      'show_progress',
      'debug',
      'force',
      'comments',
      'verbose',
      'nfs_vers',
      'nfs_sec',
    ],
    help: 'Shared Product Object Tree - equivalent to /usr file',
  },
  mksysb: {
    class: 'resources',
    required: ['server', 'location'],
    optional: [
      'source',
      'mk_image',
      'mksysb_flags',
      'exclude_files',
      'size_preview',
      'nfs_vers',
      'nfs_sec',
      'group',
      'comments',
      'verbose',
    ],
    help: 'mksysb image',
  },
  savevg: {
    class: 'resources',
    required: ['server', 'location'],
    optional: ['source', 'mk_image', 'savevg_flags', 'exclude_files', 'nfs_vers', 'nfs_sec', 'group'],
    help: 'savevg image',
  },
  ...Object.fromEntries(
    fileTypes.map((type) => [
      type,
      { class: 'resources', required: ['server', 'location'], optional: file, help: `${type} file` } satisfies TypeRule,
    ]),
  ),
  ...Object.fromEntries(
    ['root', 'home', 'tmp', 'shared_home', 'paging'].map((type) => [
      type,
      {
        class: 'resources',
        required: ['server', 'location'],
        optional: folder,
        help: `parent of client ${type} folders`,
      } satisfies TypeRule,
    ]),
  ),
  shared_root: {
    class: 'resources',
    required: ['server', 'location', 'spot'],
    optional: folder,
    help: 'one root for many clients',
  },
  dump: {
    class: 'resources',
    required: ['server', 'location'],
    optional: [...folder, 'dumpsize', 'max_dumps', 'snapcollect', 'notify'],
    help: 'parent of client dumps',
  },
};

/** Attributes that carry a sequence number (facts, section 1). */
export const numbered = ['if', 'cable_type', 'routing', 'net_settings', 'mgmt_profile'];

/** `if1` to `if`; other names as they are. */
export function baseName(attribute: string): string {
  const match = /^([a-z_]+?)(\d+)$/.exec(attribute);
  return match?.[1] !== undefined && numbered.includes(match[1]) ? match[1] : attribute;
}

/** Directories given to clients, one below it each (facts, sections 4.4 and 5). */
export const perClient = ['root', 'paging', 'dump', 'home', 'tmp'];

export const operations: Readonly<Record<string, readonly string[]>> = {
  spot: [
    'reset',
    'define',
    'change',
    'remove',
    'cust',
    'sync_roots',
    'showres',
    'maint',
    'lslpp',
    'fix_query',
    'showlog',
    'check',
    'lppchk',
  ],
  lpp_source: ['define', 'change', 'remove', 'showres', 'lslpp', 'check', 'lppmgr', 'update'],
  standalone: [
    'define',
    'change',
    'remove',
    'allocate',
    'deallocate',
    'bos_inst',
    'reset',
    'check',
    'cust',
    'diag',
    'maint',
    'maint_boot',
    'showlog',
    'lslpp',
    'lppchk',
    'fix_query',
    'reboot',
  ],
  diskless: [
    'define',
    'change',
    'remove',
    'allocate',
    'deallocate',
    'dkls_init',
    'reset',
    'check',
    'diag',
    'showlog',
    'reboot',
  ],
  dataless: [
    'define',
    'change',
    'remove',
    'allocate',
    'deallocate',
    'dtls_init',
    'reset',
    'check',
    'diag',
    'showlog',
    'reboot',
  ],
  master: ['change', 'cust', 'maint', 'check', 'showlog', 'lslpp', 'lppchk', 'fix_query', 'unconfig'],
};
export const fileOperations: readonly string[] = ['define', 'change', 'remove', 'showres'];
export const folderOperations: readonly string[] = ['define', 'change', 'remove'];
export const groupOperations: readonly string[] = [
  'define',
  'change',
  'remove',
  'select',
  'allocate',
  'deallocate',
  'bos_inst',
  'reset',
  'cust',
  'check',
];
