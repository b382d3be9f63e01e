/** Answers for an installation without questions (NIM facts, 9.1). */
const answers: Readonly<Record<string, string>> = {
  CONSOLE: 'Default',
  INSTALL_METHOD: 'overwrite',
  PROMPT: 'no',
  EXISTING_SYSTEM_OVERWRITE: 'yes',
  RECOVER_DEVICES: 'no',
  ACCEPT_LICENSES: 'yes',
  DESKTOP: 'NONE',
  GRAPHICS_BUNDLE: 'no',
  SYSTEM_MGMT_CLIENT_BUNDLE: 'no',
};

/** The master's own sample, with these answers filled in. */
export const bosinstTemplate = { path: '/usr/lpp/bosinst/bosinst.template', values: answers };

/** For a master without the sample. */
export const bosinstFallback = `control_flow:\n${Object.entries(answers)
  .map(([key, value]) => `    ${key} = ${value}\n`)
  .join('')}\ntarget_disk_data:\n    PVID =\n    CONNECTION =\n    LOCATION =\n    SIZE_MB =\n    HDISKNAME =\n`;
