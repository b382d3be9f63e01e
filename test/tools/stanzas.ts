/** Stanzas of nodes as a site has them: `count` nodes from number `first`, all in `group` and in one of 50 racks. */
export function nodeStanzas(count: number, group = 'all', first = 1): string {
  let text = '';
  for (let number = first; number < first + count; number += 1) text += nodeStanza(number, group);
  return text;
}

export function nodeName(number: number): string {
  return `node${String(number).padStart(6, '0')}`;
}

function nodeStanza(number: number, group: string): string {
  const rack = `rack${String(number % 50).padStart(2, '0')}`;
  const low = [(number >> 16) & 255, (number >> 8) & 255, number & 255];
  const attributes = [
    'objtype=node',
    'arch=x86_64',
    `bmc=10.200.${low.slice(1).join('.')}`,
    `bmcusername=ADMIN`,
    'cons=ipmi',
    `groups=${group},compute,ipmi,${rack}`,
    `ip=10.${low.join('.')}`,
    `mac=52:54:00:${low.map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`,
    'mgt=ipmi',
    'netboot=xnba',
    'os=debian12',
    'profile=compute',
    'provmethod=debian12-x86_64-netboot-compute',
    `rack=${rack}`,
    'room=1',
    'serialport=0',
    'serialspeed=115200',
    `unit=${String(number % 42)}`,
    `usercomment=place ${String(number)}`,
  ];
  return `${nodeName(number)}:\n${attributes.map((line) => `    ${line}\n`).join('')}\n`;
}
