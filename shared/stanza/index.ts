export { parseStanzas, type Stanza, type StanzaFile, StanzaReader } from './parse.ts';
export { stanzaHeader, writeStanza } from './write.ts';
