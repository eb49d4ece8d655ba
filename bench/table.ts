/** Tables for a terminal. */

/** First column to the left, the others to the right. */
export function formatTable(title: string, header: readonly string[], rows: readonly string[][]): string {
  const lines = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...lines.map(line => (line[column] ?? '').length)))
  const format = (line: readonly string[]) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
  const rule = widths.map(width => '-'.repeat(width)).join('  ')
  return `\n${title}\n${[format(header), rule, ...rows.map(format)].map(line => `  ${line}`).join('\n')}\n`
}

export const ms = (value: number) => value.toFixed(value < 10 ? 2 : 0)
export const ratio = (value: number) => value.toFixed(2)
