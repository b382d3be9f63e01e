import type { ObjectType } from './object-type.ts';
import { auditlog } from './types/auditlog.ts';
import { boottarget } from './types/boottarget.ts';
import { eventlog } from './types/eventlog.ts';
import { firmware } from './types/firmware.ts';
import { group } from './types/group.ts';
import { kit } from './types/kit.ts';
import { kitcomponent } from './types/kitcomponent.ts';
import { kitrepo } from './types/kitrepo.ts';
import { monitoring } from './types/monitoring.ts';
import { network } from './types/network.ts';
import { node } from './types/node.ts';
import { notification } from './types/notification.ts';
import { osdistro } from './types/osdistro.ts';
import { osdistroupdate } from './types/osdistroupdate.ts';
import { osimage } from './types/osimage.ts';
import { pdu } from './types/pdu.ts';
import { policy } from './types/policy.ts';
import { rack } from './types/rack.ts';
import { route } from './types/route.ts';
import { site } from './types/site.ts';
import { taskstate } from './types/taskstate.ts';
import { zone } from './types/zone.ts';
import { zvmivp } from './types/zvmivp.ts';

export type { Attribute, ObjectType } from './object-type.ts';
export { isSecret, rowKeys, rowName, tables } from './tables.ts';
export type { Table } from './tables.ts';
export { columnMeaning } from './column-meanings.ts';
export { tableSummaries } from './table-summaries.ts';

/**
 * The types that people see, by name, in the order of xCAT's lists. Types of our own (`image`, `agent`) and tables
 * kept as types of their own (`passwd`, `litefile` ...) are deliberately not here.
 */
export const objectTypes: ReadonlyMap<string, ObjectType> = new Map(
  [
    auditlog,
    boottarget,
    eventlog,
    firmware,
    group,
    kit,
    kitcomponent,
    kitrepo,
    monitoring,
    network,
    node,
    notification,
    osdistro,
    osdistroupdate,
    osimage,
    pdu,
    policy,
    rack,
    route,
    site,
    taskstate,
    zone,
    zvmivp,
  ].map((type) => [type.name, type]),
);

export { group as groupType, node as nodeType, site as siteType };

/** The one object of type `site`. */
export const clustersite = 'clustersite';
