import { spawnSync } from 'node:child_process';

/** A namespace's name, to be told from what others make. */
const prefix = 'hostler-l-';

/** Network namespaces in a row, each joined to the next by a cable: `hub` - `relay` - `node`. Needs root. */
export class Namespaces {
  readonly #names: readonly string[];

  /** `10.91.N.1` on the left end of cable N, `10.91.N.2` on its right one. Removes what a killed run of this process's number left. */
  constructor(names: readonly string[]) {
    this.#names = names;
    this.remove();
    for (const name of names) {
      ip('netns', 'add', this.#full(name));
      this.#ip(name, 'link', 'set', 'lo', 'up');
    }
    for (const [cable, name] of names.slice(0, -1).entries()) {
      const next = names[cable + 1] ?? '';
      const ends = [`l${cable}-${process.pid}`, `r${cable}-${process.pid}`] as const;
      ip('link', 'add', ends[0], 'type', 'veth', 'peer', 'name', ends[1]);
      for (const [side, [where, end]] of [[name, ends[0]] as const, [next, ends[1]] as const].entries()) {
        ip('link', 'set', end, 'netns', this.#full(where));
        this.#ip(where, 'link', 'set', end, 'name', side === 0 ? 'right' : 'left');
        const device = side === 0 ? 'right' : 'left';
        this.#ip(where, 'addr', 'add', `10.91.${cable}.${side + 1}/24`, 'dev', device);
        this.#ip(where, 'link', 'set', device, 'up');
      }
    }
  }

  /** Put before a program's arguments, it runs in there. */
  under(name: string): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.#full(name)];
  }

  /** Pulls the cable on the right side of a namespace, or puts it in again. */
  cable(name: string, plugged: boolean): void {
    this.#ip(name, 'link', 'set', 'right', plugged ? 'up' : 'down');
  }

  remove(): void {
    for (const name of this.#names) spawnSync('ip', ['netns', 'del', this.#full(name)]);
  }

  #full(name: string): string {
    return `${prefix}${name}-${process.pid}`;
  }

  #ip(where: string, ...args: readonly string[]): void {
    ip('-n', this.#full(where), ...args);
  }
}

function ip(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}
