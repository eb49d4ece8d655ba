/** Users as a table for a terminal. */
import type { User } from '../database/schema.ts'

const HEADINGS = ['ID', 'E-MAIL', 'NAME', 'SINCE', 'LAST SIGN-IN', 'E-MAIL PROVEN', 'HOST ACCESS', 'STATE']
const GAP = '  '

/** One line a user below the headings; what users wrote themselves cannot move the cursor. */
export function userTable(users: readonly User[]): string {
  const rows = [HEADINGS, ...users.map(cellsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n')
}

function cellsOf(user: User): string[] {
  const { id, email, name, createdAt, lastAuthAt, disabledAt } = user
  const state = disabledAt === null ? 'active' : `disabled since ${minute(disabledAt)}`
  return [
    id,
    email ?? '-',
    printable(name ?? '-'),
    minute(createdAt),
    lastAuthAt ? minute(lastAuthAt) : '-',
    email !== null && email === user.provenEmail ? `by ${user.emailProvenBy}` : '-',
    user.hostAccessGrantedAt ? 'yes' : '-',
    state,
  ]
}

/** Control and formatting characters would let a name rewrite the terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '�')
}

/** `2026-01-02 03:04`, UTC. */
function minute(at: Date): string {
  return at.toISOString().slice(0, 16).replace('T', ' ')
}
