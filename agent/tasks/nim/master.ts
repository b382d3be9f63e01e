import { HostlerError } from '../../../shared/errors/error.ts';
import { runLasting, type Lasting } from './lasting.ts';
import type { Login, Ran } from './login/index.ts';
import { quotedLine } from '../../../shared/text/shell-words.ts';
import { messageIds, lastMessageId, nimError, withoutWarnings } from './messages.ts';
import { first, parseStanzas, type NimObject } from './objects.ts';
import { uncertain } from './uncertain.ts';

export type NimAttributes = readonly (readonly [name: string, value: string])[];

/** How often one master may be asked for everything it knows: one call instead of one for each object. */
const wholeListAbove = 3;

/** The NIM commands of one master. Every answer is checked; an exit of 0 alone is never success (facts, section 16). */
export class NimMaster {
  readonly login: Login;
  /** What was run that changes something, as one would type it. */
  readonly commands: string[] = [];
  readonly #lasting: Lasting;

  constructor(login: Login, lasting: Lasting) {
    this.login = login;
    this.#lasting = lasting;
  }

  /** False: NIM was not set up here (`lsnim -l` fails), or this is no master. */
  async configured(): Promise<boolean> {
    const ran = await this.#lsnim(['-l', 'master']);
    return ran.exit === 0 && parseStanzas(ran.stdout).some((object) => object.type === 'master');
  }

  /** Nobody ever set NIM up here: it does not answer, and has left nothing. A master that is broken is not that. */
  async isEmpty(): Promise<boolean> {
    return !(await this.configured()) && !(await this.exists('/etc/niminfo'));
  }

  /** undefined only when NIM itself says that there is no such object; any other failure is an error. */
  async show(name: string): Promise<NimObject | undefined> {
    const ran = await this.#lsnim(['-l', name]);
    if (ran.exit === 0) return parseStanzas(ran.stdout).find((object) => object.name === name);
    if (lastMessageId(withoutWarnings(ran.stderr)) === messageIds.noSuchObject) return undefined;
    throw nimError(`lsnim -l ${name}`, name, ran);
  }

  /** By name; names that NIM does not know are absent. One command, however many names. */
  async showMany(names: readonly string[]): Promise<Map<string, NimObject>> {
    const wanted = new Set(names);
    const found = new Map<string, NimObject>();
    if (wanted.size === 0) return found;
    if (wanted.size <= wholeListAbove) {
      for (const name of wanted) {
        const object = await this.show(name);
        if (object) found.set(name, object);
      }
      return found;
    }
    for (const object of await this.showAll()) if (wanted.has(object.name)) found.set(object.name, object);
    return found;
  }

  async showAll(filter: readonly string[] = []): Promise<NimObject[]> {
    const ran = await this.#lsnim(['-l', ...filter]);
    if (ran.exit !== 0) throw nimError(['lsnim', '-l', ...filter].join(' '), 'all objects', ran);
    return parseStanzas(ran.stdout);
  }

  /** The next free number of a numbered attribute (`if`, `routing`, `cable_type`). */
  async nextNumber(attribute: string, name: string): Promise<number> {
    const ran = await this.#lsnim(['-A', attribute, name]);
    const number = Number(ran.stdout.trim());
    if (ran.exit !== 0 || !Number.isInteger(number) || number < 1)
      throw nimError(`lsnim -A ${attribute} ${name}`, name, ran);
    return number;
  }

  /** An operation that may be waited for. `force` only where the object's state was looked at before. */
  async nim(
    operation: string,
    name: string,
    attributes: NimAttributes = [],
    options: { type?: string; force?: boolean } = {},
  ): Promise<Ran> {
    const args = argumentsOf(operation, name, attributes, options);
    this.commands.push(quotedLine(['nim', ...args]));
    const ran = await this.login.run('nim', args, { timeoutMs: 3_600_000 });
    if (ran.exit !== 0) throw nimError(['nim', ...args].join(' '), name, ran);
    this.#warn(ran);
    return ran;
  }

  /** An operation that takes minutes to hours and must not be stopped. */
  async nimLasting(
    operation: string,
    name: string,
    attributes: NimAttributes,
    options: { type?: string } = {},
  ): Promise<Ran> {
    const args = argumentsOf(operation, name, attributes, options);
    const ran = await this.lasting(name, 'nim', args);
    if (ran.exit !== 0) throw nimError(['nim', ...args].join(' '), name, ran);
    this.#warn(ran);
    return ran;
  }

  async lasting(key: string, program: string, args: readonly string[]): Promise<Ran> {
    this.commands.push(quotedLine([program, ...args]));
    return runLasting(this.login, this.#lasting, key, program, args);
  }

  /** True while long work on the object, begun by this driver, has its folder on the master. */
  async underWay(key: string): Promise<boolean> {
    return this.exists(`${this.#lasting.folder}/${key}`);
  }

  /** Runs one of the small programs around NIM; a failure is an error with its text. `called`: what people call it. */
  async tool(
    program: string,
    args: readonly string[],
    options: { input?: string; called?: string } = {},
  ): Promise<string> {
    const { called, ...rest } = options;
    const ran = await this.login.run(program, args, rest);
    if (ran.exit !== 0) {
      throw new HostlerError(
        'failed_precondition',
        `"${called ?? [program, ...args].join(' ')}" failed on ${this.login.name}: ${(ran.stderr || ran.stdout).trim() || `exit ${String(ran.exit)}`}`,
      );
    }
    return ran.stdout;
  }

  async exists(path: string): Promise<boolean> {
    return (await this.login.run('test', ['-e', path])).exit === 0;
  }

  log(line: string): void {
    this.#lasting.log(line);
  }

  async #lsnim(args: readonly string[]): Promise<Ran> {
    return this.login.run('lsnim', args);
  }

  /** Warnings end with exit 0; they belong into the log all the same. */
  #warn(ran: Ran): void {
    for (const line of ran.stderr.split('\n')) if (line.trim() !== '') this.#lasting.log(line);
  }
}

export function resourceIsReady(object: NimObject): boolean {
  return uncertain.resourceReady.some((words) => words === first(object, 'Rstate'));
}

export function clientIsReady(object: NimObject): boolean {
  return first(object, 'Cstate').includes(uncertain.clientReady);
}

function argumentsOf(
  operation: string,
  name: string,
  attributes: NimAttributes,
  options: { type?: string; force?: boolean },
): string[] {
  return [
    ...(options.force === true ? ['-F'] : []),
    '-o',
    operation,
    ...(options.type === undefined ? [] : ['-t', options.type]),
    ...attributes.flatMap(([key, value]) => ['-a', `${key}=${value}`]),
    name,
  ];
}
