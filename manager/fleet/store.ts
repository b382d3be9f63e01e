import type { KeySpace, KeyWrite } from '../registry/types.ts';
import type {
  AgentRecord,
  AppliedRecord,
  BootUseRecord,
  LifeRecord,
  TakenRecord,
  TaskRecord,
  TokenRecord,
} from './records.ts';

/** Everything the fleet keeps, read once at start. */
export interface FleetState {
  readonly agents: Map<string, AgentRecord>;
  readonly lives: Map<string, LifeRecord>;
  readonly applied: Map<string, AppliedRecord>;
  /** By agent, then by task id. */
  readonly tasks: Map<string, Map<string, TaskRecord>>;
  readonly tokens: Map<string, TokenRecord>;
  /** By `<token>/<key>`. */
  readonly taken: Map<string, TakenRecord>;
  readonly boots: Map<string, BootUseRecord>;
}

/** The writes that change one record; put together, they are one durable batch. null takes the record away. */
export const records = {
  agent: (name: string, value: AgentRecord | null): KeyWrite => write(`agent/${name}`, value),
  life: (name: string, value: LifeRecord | null): KeyWrite => write(`life/${name}`, value),
  applied: (name: string, value: AppliedRecord | null): KeyWrite => write(`applied/${name}`, value),
  task: (agent: string, id: string, value: TaskRecord | null): KeyWrite => write(`task/${agent}/${id}`, value),
  token: (id: string, value: TokenRecord | null): KeyWrite => write(`token/${id}`, value),
  taken: (token: string, key: string, value: TakenRecord | null): KeyWrite => write(`taken/${token}/${key}`, value),
  boot: (id: string, value: BootUseRecord | null): KeyWrite => write(`boot/${id}`, value),
};

function write(key: string, value: object | null): KeyWrite {
  return { key, value: value ?? undefined };
}

export async function loadFleet(space: KeySpace): Promise<FleetState> {
  const tasks = new Map<string, Map<string, TaskRecord>>();
  for (const [key, record] of await under<TaskRecord>(space, 'task/')) {
    const slash = key.indexOf('/');
    const agent = key.slice(0, slash);
    const ofAgent = tasks.get(agent) ?? new Map<string, TaskRecord>();
    tasks.set(agent, ofAgent.set(key.slice(slash + 1), record));
  }
  return {
    agents: await under<AgentRecord>(space, 'agent/'),
    lives: await under<LifeRecord>(space, 'life/'),
    applied: await under<AppliedRecord>(space, 'applied/'),
    tasks,
    tokens: await under<TokenRecord>(space, 'token/'),
    taken: await under<TakenRecord>(space, 'taken/'),
    boots: await under<BootUseRecord>(space, 'boot/'),
  };
}

/** The fleet alone writes this space, in the shapes of records.ts; the registry's format number stands for them. */
async function under<T>(space: KeySpace, prefix: string): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for await (const [key, value] of space.entries({ prefix })) found.set(key.slice(prefix.length), value as T);
  return found;
}
