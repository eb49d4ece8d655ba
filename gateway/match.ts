/** Finds the row of the policy table for a path (gateway spec 1, step 4). */

/** What every row has; the gateway adds rows of its own to the table's. */
export interface MatchableRow {
  method: string
  /** `/literal/:parameter`. */
  path: string
  /** The route class, of a row of the table. */
  access?: string
}

/** A known path: its pattern and its rows by method. HEAD is found as GET. */
export interface Target<Row> {
  pattern: string
  rows: ReadonlyMap<string, Row>
  /** The value of an `Allow` header. */
  allow: string
  /** All its rows are `gone`: it looks like an unknown path, to OPTIONS and other methods too. */
  isGone: boolean
}

/** Null for a path nobody owns. */
export type Matcher<Row> = (segments: readonly string[]) => Target<Row> | null

interface Node<Row> {
  literals: Map<string, Node<Row>>
  parameter: Node<Row> | null
  target: Target<Row> | null
}

/**
 * Compiles rows into a tree, one level a segment, so that a pattern never covers more or fewer segments than
 * it has. A literal segment wins over a parameter wherever both would do.
 */
export function createMatcher<Row extends MatchableRow>(rows: readonly Row[]): Matcher<Row> {
  const root = emptyNode<Row>()
  for (const [pattern, ofPath] of Map.groupBy(rows, row => row.path)) {
    leafFor(root, pattern).target = targetOf(pattern, ofPath)
  }
  return segments => find(root, segments, 0)
}

function emptyNode<Row>(): Node<Row> {
  return { literals: new Map(), parameter: null, target: null }
}

function leafFor<Row>(root: Node<Row>, pattern: string): Node<Row> {
  let node = root
  for (const segment of pattern.slice(1).split('/')) {
    let next = segment.startsWith(':') ? node.parameter : node.literals.get(segment)
    if (!next) {
      next = emptyNode<Row>()
      if (segment.startsWith(':')) node.parameter = next
      else node.literals.set(segment, next)
    }
    node = next
  }
  return node
}

function targetOf<Row extends MatchableRow>(pattern: string, rows: readonly Row[]): Target<Row> {
  const byMethod = new Map(rows.map(row => [row.method, row]))
  const get = byMethod.get('GET')
  if (get) byMethod.set('HEAD', get)
  const isGone = rows.every(row => row.access === 'gone')
  return { pattern, rows: byMethod, allow: [...byMethod.keys()].sort().join(', '), isGone }
}

function find<Row>(node: Node<Row>, segments: readonly string[], depth: number): Target<Row> | null {
  const segment = segments[depth]
  if (segment === undefined) return node.target
  const literal = node.literals.get(segment)
  const found = literal && find(literal, segments, depth + 1)
  return found ?? (node.parameter && find(node.parameter, segments, depth + 1))
}
