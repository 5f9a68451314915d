import assert from 'node:assert/strict'
import { test } from 'node:test'
import { helpText } from './help.ts'
import { checkUsage } from './usage.ts'

const refused: readonly (readonly [string, readonly string[], readonly string[], RegExp])[] = [
  ['down', ['sessions'], [], /^expected nothing after larder down, found sessions; .*Nothing was ended/],
  ['down', [], ['json'], /^expected no options for larder down, found --json$/],
  ['status', ['sessions'], [], /^expected nothing after larder status, found sessions$/],
  ['status', [], ['follow'], /^expected --json for larder status, found --follow$/],
  ['recover', ['yes'], [], /found yes$/],
  ['up', ['demo'], [], /found demo$/],
  ['logs', ['a-001', 'a-002'], [], /^expected at most 1 words? after larder logs, found a-002$/],
  ['failover', ['a', '0001', 'now'], [], /found now$/],
]
for (const [name, words, options, message] of refused)
  test(`larder ${[name, ...words, ...options.map((option) => `--${option}`)].join(' ')} is refused`, () => {
    assert.throws(() => checkUsage(name, words, options), { code: 'usage', message })
  })

test('what the help shows is taken', () => {
  checkUsage('version', [], [])
  checkUsage('up', [], ['port', 'home', 'demo', 'stop-on-exit'])
  checkUsage('logs', ['a-001'], ['follow', 'all'])
  checkUsage('recover', [], ['yes', 'home'])
  checkUsage('allow', ['a', '127.0.0.1', 'redis'], [])
})

test('every command of the help says what it takes', () => {
  const others = new Set(['aws', 'connect'])
  const names = [...helpText.matchAll(/^ {2}larder (\w+)/gm)].map(([, name]) => name ?? '').filter((name) => !others.has(name))
  assert.ok(names.length > 10)
  for (const name of names) assert.throws(() => checkUsage(name, ['a', 'b', 'c', 'd'], []), { code: 'usage' }, name)
})
