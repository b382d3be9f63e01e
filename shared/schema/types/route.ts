import { at, objectType } from '../object-type.ts';

/**
 * Static routes. Source: facts on objects, section 9.
 */
export const route = objectType('route', 'routename', [
  at('routename', 'routes.routename', 'object key'),
  at('net', 'routes.net', 'network address'),
  at('mask', 'routes.mask', 'netmask (prefix length for IPv6)'),
  at('gateway', 'routes.gateway', 'gateway or the keyword <xcatmaster>'),
  at('ifname', 'routes.ifname', 'interface (mandatory for IPv6)'),
  at('usercomment', 'routes.comments', 'free text'),
]);
