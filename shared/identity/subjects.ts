/*
 * The subjects of the link over NATS. Every subject of an agent carries its name and the serial of its certificate, and
 * its credential allows no others: what the broker lets through says who sent it. A new enrolment means new subjects.
 */

const root = 'hostler';

/** Names may hold dots, which separate the words of a subject; a tilde is in no name. */
function word(name: string): string {
  return name.replaceAll('.', '~');
}

export interface SubjectOwner {
  readonly name: string;
  /** Of the certificate. */
  readonly serial: string;
}

/** The name under which an agent's credential is issued. */
export const credentialName = word;

/** Agent to manager, one connection. */
export function upSubject({ name, serial }: SubjectOwner, connection: string): string {
  return `${root}.up.${word(name)}.${serial}.${connection}`;
}

/** Manager to agent, one connection. */
export function downSubject({ name, serial }: SubjectOwner, connection: string): string {
  return `${root}.down.${word(name)}.${serial}.${connection}`;
}

/** Reports that a stream keeps while no manager listens. */
export function keptSubject({ name, serial }: SubjectOwner): string {
  return `${root}.kept.${word(name)}.${serial}`;
}

/** Everything that agents send. */
export const allUp = `${root}.up.*.*.*`;
export const allKept = `${root}.kept.*.*`;
/** To all agents of a leaf node: the manager reaches it again; who waits for his next attempt need not wait on. */
export const managerThere = `${root}.all.there`;
/** To all agents: the manager came (back), and knows no connections of before. */
export const managerCame = `${root}.all.came`;
/**
 * So many bytes are in that. A broker answers who lays reports down wherever he asks it to (nats-server checks no permission
 * for that), here as well; but such an answer is longer.
 */
export const cameLength = 8;
export const toAll = `${root}.all.*`;
/** The broker's own news about connections of our account. */
export const brokerNews = `${root}.broker`;

/** JetStream of the leaf node that a relay keeps: reports of the agents behind it lie there. */
export function leafDomain(relay: string): string {
  return `relay-${word(relay)}`;
}

/** Patterns with the placeholders that the broker fills in from a credential (its name, and its tag `serial:...`). */
export const ownSubjects = patterns('{{name()}}.{{tag(serial)}}');

/** The same for one agent. */
export function ownSubjectsOf({ name, serial }: SubjectOwner): ReturnType<typeof patterns> {
  return patterns(`${word(name)}.${serial}`);
}

function patterns(own: string) {
  return {
    publish: [`${root}.up.${own}.*`, `${root}.kept.${own}`],
    subscribe: [`${root}.down.${own}.*`, toAll],
  } as const;
}

/** Whose message it is, and of which connection; undefined for what is no such subject. */
export function readUp(subject: string): (SubjectOwner & { readonly connection: string }) | undefined {
  const [first, second, name = '', serial = '', connection = '', ...rest] = subject.split('.');
  if (first !== root || second !== 'up' || rest.length > 0) return undefined;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(connection) || !/^[0-9a-f]{1,64}$/.test(serial)) return undefined;
  return { name: name.replaceAll('~', '.'), serial, connection };
}

export function readKept(subject: string): SubjectOwner | undefined {
  const [first, second, name = '', serial = '', ...rest] = subject.split('.');
  if (first !== root || second !== 'kept' || rest.length > 0 || !/^[0-9a-f]{1,64}$/.test(serial)) return undefined;
  return { name: name.replaceAll('~', '.'), serial };
}
