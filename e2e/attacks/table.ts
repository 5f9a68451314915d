/** The form of all attack tables: a name, what is tried, and what must come of it. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

export interface Attack<Target> {
  readonly name: string
  /** What came of it, as text. */
  readonly how: (target: Target) => Promise<string> | string
  readonly must: RegExp
  /** What may be nowhere in it. */
  readonly never?: RegExp
}

/** One test for each row, one after the other: all on the same target, which has to be whole for the next. */
export const runAttacks = async <Target>(
  context: TestContext,
  target: Target,
  rows: readonly Attack<Target>[],
): Promise<void> => {
  const names = rows.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length, 'each row has a name of its own')
  for (const { name, how, must, never } of rows) {
    await context.test(name, async () => {
      const found = await how(target)
      assert.match(found, must)
      if (never !== undefined) assert.doesNotMatch(found, never)
    })
  }
}
