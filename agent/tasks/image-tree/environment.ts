/** What programs of a build may know of this agent's own environment: how to reach the network, and nothing secret. */
const handedOn = /^(?:(?:https?|ftp|no|all)_proxy|SSL_CERT_(?:FILE|DIR)|HOME|TZ)$/i;

/** For `run(..., { inheritEnv: false, env })`. */
export function buildEnvironment(more: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(process.env).flatMap(([name, value]) =>
    handedOn.test(name) && value !== undefined ? [[name, value] as const] : [],
  );
  return { HOME: '/root', ...Object.fromEntries(own), LC_ALL: 'C.UTF-8', ...more };
}
