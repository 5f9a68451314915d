import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { coverageDocument } from './coverage.ts'
import { operations } from './protocols/query/schema.ts'
import { emptyActions } from './services/elasticache/empty/index.ts'
import { actions } from './services/elasticache/index.ts'

const known = [...operations.keys()]
const empty = Object.keys(emptyActions)
const document = coverageDocument(known, Object.keys(actions), empty)
const rowsOf = (document: string): readonly (readonly string[])[] =>
  [...document.matchAll(/^\| (\w+) \| (there|not yet|empty until there are any) \|$/gm)].map((match) => [
    match[1] ?? '',
    match[2] ?? '',
  ])

test('every operation stands once, and says truly whether it is there', () => {
  const rows = rowsOf(document)
  assert.deepEqual(rows.map(([name]) => name).sort(), [...known].sort())
  assert.equal(rows.length, 75)
  for (const [name = '', state] of rows) {
    const answered = empty.includes(name) ? 'empty until there are any' : 'there'
    assert.equal(state, Object.hasOwn(actions, name) ? answered : 'not yet', name)
  }
})

test('the counts of the groups add up to the count of the whole', () => {
  const groups = [...document.matchAll(/^## .*: (\d+) of (\d+)$/gm)]
  const sum = (index: number): number => groups.reduce((total, match) => total + Number(match[index]), 0)
  assert.equal(sum(1), Object.keys(actions).length - empty.length, 'what is only empty is not counted')
  assert.equal(sum(2), known.length)
  assert.match(document, new RegExp(`\\*\\*${sum(1)} of ${sum(2)} operations are there`))
})

test('an action that AWS does not have is refused', () => {
  assert.throws(() => coverageDocument(known, ['DescribeMoon'], []), /found DescribeMoon/)
})

test('an operation of no known resource is refused, so that somebody decides where it stands', () => {
  assert.throws(() => coverageDocument([...known, 'DescribeMoon'], [], []), /the operation DescribeMoon/)
})

test('the document in the repository is up to date', () => {
  const script = fileURLToPath(new URL('./coverage.ts', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  const file = new URL('../../../../docs/api-coverage.md', import.meta.url)
  assert.equal(readFileSync(file, 'utf8'), document)
})
