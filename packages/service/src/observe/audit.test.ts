import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type AuditRecord, createAudit } from './audit.ts'
import { openLines } from './lines.ts'
import { predecessorsOf } from './predecessors.ts'
import { heapInUse } from './testing.ts'

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
    { audit: (line) => lines.push(line), rejected: () => assert.fail('nobody is rejected') },
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
    { audit: (line) => lines.push(line), rejected: () => assert.fail('nobody is rejected') },
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
    {
      audit: (line) => {
        if (full) throw new Error('ENOSPC')
        lines.push(line)
      },
      rejected: () => assert.fail('nobody is rejected'),
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

const stranger: AuditRecord = {
  ...record,
  arn: null,
  accessKeyId: null,
  action: null,
  resources: [],
  decision: 'unauthenticated',
  errorCode: 'InvalidClientTokenId',
}

test('100,000 calls of strangers leave every call of others in its file, and little in a file of their own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  try {
    const path = (name: string): string => join(folder, name)
    let now = 0
    const audit = createAudit(
      {
        audit: openLines(path('audit.log'), { mostBytes: 1_000_000, kept: 2 }).append,
        rejected: openLines(path('rejected.log'), { mostBytes: 20_000, kept: 2 }).append,
      },
      () => 0,
      () => assert.fail('nothing to log'),
      () => now,
    )
    const heap = heapInUse()
    for (let count = 0; count < 100_000; count += 1) {
      now += 3
      audit({
        ...stranger,
        sourceAddress: `10.0.${count % 200}.${count % 7}`,
        errorCode: count % 2 ? 'A' : 'B',
        requestId: `r${count}`,
      })
      if (count % 1_000 === 0) audit({ ...record, requestId: `signed ${count}` })
    }
    audit.sumUp()
    assert.ok(heapInUse() - heap < 5_000_000)
    const signed = readFileSync(path('audit.log'), 'utf8')
    assert.equal(signed.trim().split('\n').length, 100)
    for (let count = 0; count < 100; count += 1) assert.ok(signed.includes(`"signed ${count * 1_000}"`))
    const rejected = [...predecessorsOf(path('rejected.log')).map((one) => one.path), path('rejected.log')].map((file) =>
      file.endsWith('.gz') ? gunzipSync(readFileSync(file)).toString() : readFileSync(file, 'utf8'),
    )
    assert.ok(rejected.join('').length < 60_000)
    const last = JSON.parse(/^.*alsoRejected.*$/m.exec(rejected.at(-1) ?? '')?.[0] ?? '{}') as Readonly<Record<string, unknown>>
    assert.deepEqual(Object.keys(last['errorCodes'] as object).sort(), ['A', 'B'])
    assert.equal(Object.keys(last['sources'] as object).length, 21)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('how many calls of strangers were only counted is said after a minute, also where no further one comes', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const lines: Readonly<Record<string, unknown>>[] = []
  const audit = createAudit(
    { audit: () => assert.fail('nobody is known'), rejected: (line) => lines.push(JSON.parse(line) as (typeof lines)[0]) },
    () => 0,
    () => undefined,
    () => 0,
  )
  for (let count = 0; count < 100; count += 1) audit(stranger)
  assert.equal(lines.length, 60)
  t.mock.timers.tick(60_000)
  assert.deepEqual(lines.at(-1), {
    time: '1970-01-01T00:00:00.000Z',
    alsoRejected: 40,
    since: '1970-01-01T00:00:00.000Z',
    sources: { '127.0.0.1': 40 },
    errorCodes: { InvalidClientTokenId: 40 },
  })
})
