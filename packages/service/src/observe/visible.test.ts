import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuditRecord, createAudit } from './audit.ts'
import { lastWords } from './last-words.ts'
import { createLog } from './log.ts'
import { visible } from './visible.ts'

/** What ends a line, hides one, or commands a terminal. */
const hostile = [
  ...['\n', '\r\n', '\r', '\0', '\u0008', '\u001b[2J\u001b[1;1H', '\u001b]0;title\u0007', '\u007f', '\u0085', '\u009b2J'],
  ...['\u2028', '\u2029', '\u202e', '\u2066', '\u200f'],
]
const lineBreaks = /[\n\r\u0085\u2028\u2029]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const commanding = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/

const record: AuditRecord = {
  arn: null,
  accessKeyId: 'AKIA',
  action: 'elasticache:X',
  resources: ['*'],
  region: 'us-east-1',
  sourceAddress: '127.0.0.1',
  userAgent: 'x',
  decision: 'unauthenticated',
  errorCode: null,
  requestId: 'r',
}

for (const text of hostile) {
  const name = visible(JSON.stringify(text))
  test(`${name} in any field of the log is one line, commands no terminal, and can be read again`, () => {
    const lines: string[] = []
    const log = createLog(
      (line) => void lines.push(line),
      () => 0,
    )
    const value = `a${text}{"level":"info","message":"forged"}`
    log('warn', value, { value, error: new Error(value), list: [value], nested: { [value]: value } })
    assert.equal(lines.length, 1)
    const [line = ''] = lines
    assert.doesNotMatch(line.slice(0, -1), lineBreaks)
    assert.doesNotMatch(line.slice(0, -1), commanding)
    const read = JSON.parse(line)
    assert.deepEqual([read.message, read.value, read.list, read.nested], [value, value, [value], { [value]: value }])
  })

  test(`${name} in any field of the audit is one line, and commands no terminal`, () => {
    const lines: string[] = []
    const write = (line: string): void => void lines.push(line)
    const audit = createAudit(
      { audit: write, rejected: write },
      () => 0,
      () => undefined,
    )
    for (const field of ['accessKeyId', 'action', 'region', 'sourceAddress', 'userAgent', 'errorCode', 'requestId', 'reason'])
      audit({ ...record, [field]: `a${text}b` })
    audit({ ...record, arn: `a${text}b`, resources: [`a${text}b`] })
    assert.equal(lines.length, 9)
    for (const line of lines) {
      assert.doesNotMatch(line.slice(0, -1), commanding)
      assert.doesNotMatch(line.slice(0, -1), lineBreaks)
      assert.match(line, /\n$/)
    }
  })

  test(`${name} in what an engine wrote commands no terminal`, () => {
    const shown = visible(`a${text}b\tc\n`)
    assert.match(shown, /^a.*b\tc\n$/s)
    assert.doesNotMatch(shown, commanding)
    assert.doesNotMatch(lastWords(`x\na${text}b`, 1), commanding)
    assert.doesNotMatch(lastWords(`x\na${text}b`, 2), /\n/)
  })
}

test('a name of a megabyte in any field makes a line that is bounded', () => {
  const lines: string[] = []
  const write = (line: string): void => void lines.push(line)
  const large = 'x'.repeat(1024 * 1024)
  const log = createLog(write, () => 0)
  log('warn', 'a step failed', { node: large })
  log('warn', 'a step failed', { error: new Error(large) })
  log('warn', 'a step failed', { actions: [{ [large]: large }] })
  const audit = createAudit(
    { audit: write, rejected: write },
    () => 0,
    () => undefined,
  )
  for (const field of ['accessKeyId', 'action', 'region', 'sourceAddress', 'userAgent', 'errorCode', 'requestId', 'reason'])
    audit({ ...record, [field]: large })
  audit({ ...record, arn: large, resources: Array.from({ length: 1_000 }, () => large) })
  assert.equal(lines.length, 12)
  for (const line of lines) {
    assert.ok(line.length < 40_000, String(line.length))
    assert.equal(typeof JSON.parse(line).time, 'string')
  }
})
