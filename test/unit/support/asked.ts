import type { Asked } from '../../../shared/verb/asked.ts';

/** An asking for tests; flags are `['']`. */
export function asked(verb: string, parts: Partial<Asked> = {}): Asked {
  return {
    verb,
    options: {},
    operands: [],
    files: {},
    plan: false,
    json: false,
    user: 'root',
    at: Date.UTC(2026, 0, 1),
    seed: '0'.repeat(32),
    server: 'xcatmn',
    correlation: 'test',
    folders: { install: '/install', tftp: '/tftpboot', hostsFile: '/etc/hosts', share: '/opt/xcat/share/xcat' },
    ...parts,
  };
}
