// What `import.meta.url` is inside a CommonJS bundle: the bundle itself.
import { pathToFileURL } from 'node:url';

export const __fileUrl = /* @__PURE__ */ pathToFileURL(__filename).href;
