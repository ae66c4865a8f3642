/** Columns for people: numbers to the right, words to the left, each row in one line whatever is in it. */

/** What others wrote neither ends a line nor talks to the terminal. */
const plain = (cell: string | number): string =>
  String(cell)
    .replace(/\s*[\r\n\t\v\f\u0085\u2028\u2029]\s*/g, ' ')
    .replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);

export function table(head: readonly string[], given: readonly (readonly (string | number)[])[]): string {
  const rows = given.map((row) => row.map((cell) => (typeof cell === 'number' ? cell : plain(cell))));
  const numeric = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  const width = head.map((title, column) => Math.max(title.length, ...rows.map((row) => String(row[column]).length)));
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, column) => (numeric[column] ? String(cell).padStart(width[column]) : String(cell).padEnd(width[column])))
      .join('  ')
      .trimEnd();
  return `${[head, ...rows].map(line).join('\n')}\n`;
}
