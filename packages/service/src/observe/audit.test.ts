import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuditRecord, createAudit } from './audit.ts'

const record: AuditRecord = {
  arn: 'arn:aws:iam::000000000000:user/ann',
  accessKeyId: 'AKIAAAAAAAAAAAAAAAAA',
  action: 'elasticache:DeleteCacheCluster',
  resources: ['arn:aws:elasticache:us-east-1:000000000000:cluster:pages'],
  region: 'us-east-1',
  sourceAddress: '127.0.0.1',
  userAgent: 'aws-cli/2',
  decision: 'denied',
  errorCode: 'AccessDenied',
  requestId: 'id',
}

test('a call is one line of JSON with its time', () => {
  const lines: string[] = []
  createAudit(
    (line) => lines.push(line),
    () => 0,
    () => assert.fail('nothing to log'),
  )(record)
  assert.equal(lines.length, 1)
  assert.ok(lines[0]?.endsWith('}\n'))
  assert.deepEqual(JSON.parse(lines[0] ?? ''), { time: '1970-01-01T00:00:00.000Z', ...record })
})

test('texts of the caller cannot make lines, nor long ones', () => {
  const lines: string[] = []
  createAudit(
    (line) => lines.push(line),
    () => 0,
    () => undefined,
  )({
    ...record,
    userAgent: `x\n{"decision":"allowed"}${'y'.repeat(10_000)}`,
    resources: Array.from({ length: 1_000 }, () => 'z'.repeat(1_000)),
  })
  assert.equal(lines[0]?.split('\n').length, 2)
  assert.ok((lines[0]?.length ?? 0) < 20_000)
})

test('lines that cannot be written are counted, and said once to the log', () => {
  const lines: string[] = []
  const logged: unknown[] = []
  let full = true
  const audit = createAudit(
    (line) => {
      if (full) throw new Error('ENOSPC')
      lines.push(line)
    },
    () => 0,
    (...entry) => logged.push(entry),
  )
  audit(record)
  audit(record)
  full = false
  audit(record)
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { lost?: number }).lost),
    [2, undefined],
  )
  assert.equal(logged.length, 1)
})
