import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastWords } from './last-words.ts'

test('the last lines are shown, and no password or hash in them', () => {
  const secret = 'b87a6a34821b0072f5ed65c3d62bf3ac8234f5270884be98e87c76ef555fe3f1'
  const log = `first\n*** FATAL CONFIG FILE ERROR ***\nat line 55\n>>> 'user default on #${secret} ~* +@none'\n`
  assert.equal(lastWords(log, 2), "at line 55 | >>> 'user default on #(hidden) ~* +@none'")
  assert.equal(lastWords('', 3), '')
})
