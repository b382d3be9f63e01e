import { at, objectType } from '../object-type.ts';

/** Runs of the z/VM installation check. Source: facts on objects, section 10. */
export const zvmivp = objectType('zvmivp', 'id', [
  at('id', 'zvmivp.id', 'object key, number of the run'),
  at('ip', 'zvmivp.ip', 'address of the machine that orders the run'),
  at('schedule', 'zvmivp.schedule', 'when to run, hours of the day'),
  at('last_run', 'zvmivp.last_run', 'when it ran last'),
  at('type_of_run', 'zvmivp.type_of_run', 'fullivp or basicivp'),
  at('access_user', 'zvmivp.access_user', 'user that runs it'),
  at('orch_parms', 'zvmivp.orch_parms', 'parameters of the ordering machine'),
  at('prep_parms', 'zvmivp.prep_parms', 'parameters of the preparation'),
  at('main_parms', 'zvmivp.main_parms', 'parameters of the main run'),
  at('comments', 'zvmivp.comments', 'free text'),
  at('disable', 'zvmivp.disable', 'yes or 1 hides the row'),
]);
