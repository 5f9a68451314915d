/** Two changes of one session, from the same state. */
import { isDeepStrictEqual } from 'node:util'

export type SessionData = Readonly<Record<string, unknown>>

export interface Merged {
  readonly data: SessionData
  /** Fields that both have changed, each to something else. */
  readonly conflicts: readonly string[]
}

const absent = Symbol('absent')

const fieldOf = (data: SessionData, name: string): unknown => (Object.hasOwn(data, name) ? data[name] : absent)
const same = (a: unknown, b: unknown): boolean => a === b || (a !== absent && b !== absent && isDeepStrictEqual(a, b))

/**
 * Field by field at the top: what only one has changed is his, what both have changed is ours. `ignored` fields are ours without being a conflict: those that
 * change with each request.
 */
export const merge = (base: SessionData, ours: SessionData, theirs: SessionData, ignored: readonly string[] = []): Merged => {
  const conflicts: string[] = []
  const data: (readonly [string, unknown])[] = []
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
    const [before, mine, other] = [fieldOf(base, name), fieldOf(ours, name), fieldOf(theirs, name)]
    const isOurs = ignored.includes(name) || !same(before, mine)
    if (isOurs && !ignored.includes(name) && !same(before, other) && !same(mine, other)) conflicts.push(name)
    const value = isOurs ? mine : other
    if (value !== absent) data.push([name, value])
  }
  // Not by assigning: a field may be called __proto__.
  return { data: Object.fromEntries(data), conflicts }
}
