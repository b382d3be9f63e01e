/**
 * One line of a table dump, without line feed: set values in quotes with quotes doubled, unset ones bare. The same
 * bytes as tabdump prints. A line feed in a value stays: the record then spans lines.
 */
export function csvLine(values: readonly (string | undefined)[]): string {
  return values
    .map((value) => (value === undefined || value === '' ? '' : `"${value.replaceAll('"', '""')}"`))
    .join(',');
}

export function csvHeader(columns: readonly string[]): string {
  return `#${columns.join(',')}`;
}
