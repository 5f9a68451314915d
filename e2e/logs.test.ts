/** What a home writes down is bounded, and strangers push nothing out of it. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { DescribeEventsCommand } from '@aws-sdk/client-elasticache'
import { http } from '../packages/service/src/api/testing/exchange.ts'
import { patience } from '../packages/service/src/testing/busy-machine.ts'
import { create } from './support/groups.ts'
import { startTestService, type TestService, until } from './support/service.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))
/** As many as one connection may have under way. */
const inBatch = 4
/**
 * The pace of those who have not signed is 400 a second, and less on a busy machine. Lines for all of them would be more than twice as long as what is
 * allowed below; what 100,000 calls leave behind is a test of the audit itself.
 */
const half = 2_000

/** Without a signature, with one of a key that nobody has, and with a wrong one of a key that is known. */
const callsOfStrangers = (known: string): readonly Uint8Array[] =>
  [null, 'AKIAAAAAAAAAAAAAAAAA', known].map((key) => {
    const headers = { host: 'localhost', 'content-type': 'application/x-www-form-urlencoded' }
    if (key === null) return http('POST', '/', headers, 'Action=X')
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
    const scope = `${key}/${date.slice(0, 8)}/us-east-1/elasticache/aws4_request`
    const signature = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`
    return http('POST', '/', { ...headers, 'x-amz-date': date, authorization: signature }, 'Action=X')
  })

/** Many at once on each connection. Resolves with the number of answers when the other side ends it or all are there. */
const batch = (port: number, calls: readonly Uint8Array[]): Promise<number> =>
  new Promise((resolve) => {
    const all = Array.from({ length: inBatch }, (_, index) => calls[index % calls.length] ?? new Uint8Array())
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat(all)))
    let answers = 0
    let heard = ''
    const finish = (): void => {
      socket.destroy()
      resolve(answers)
    }
    socket.setEncoding('latin1').on('data', (text: string) => {
      heard += text
      const parts = heard.split('HTTP/1.1 ')
      answers += parts.length - 1
      heard = (parts.at(-1) ?? '').slice(-8)
      if (answers >= inBatch) finish()
    })
    socket.setTimeout(10_000, finish)
    socket.on('error', finish)
    socket.on('close', finish)
  })

const flood = async (port: number, calls: readonly Uint8Array[], most: number, deadlineMs: number): Promise<number> => {
  const deadline = performance.now() + deadlineMs
  let answers = 0
  const one = async (): Promise<void> => {
    while (answers < most && performance.now() < deadline) {
      const more = await batch(port, calls) // the others count meanwhile
      answers += more
    }
  }
  await Promise.all(Array.from({ length: 8 }, one))
  return answers
}

const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024

const auditOf = (service: TestService): readonly Readonly<Record<string, unknown>>[] =>
  readFileSync(join(service.home, 'logs', 'audit.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)

test('thousands of calls without a key leave the audit of the others whole, little in a file of their own, and no memory', async () => {
  await using service = await startTestService()
  const port = Number(new URL(service.url()).port)
  const client = service.client()
  await client.send(new DescribeEventsCommand({ Duration: 1 }))
  const calls = callsOfStrangers((await client.config.credentials()).accessKeyId)
  let going = true
  let signed = 1
  const asking = (async () => {
    while (going) {
      await client.send(new DescribeEventsCommand({ Duration: 1 }))
      signed += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  const halves: { readonly answers: number; readonly bytes: number }[] = []
  try {
    // What one call takes for a while is taken in the first half as well.
    for (let turn = 0; turn < 2; turn += 1)
      halves.push({ answers: await flood(port, calls, half, 60_000 * patience), bytes: residentBytes(service.pid()) })
  } finally {
    going = false
    await asking
  }
  client.destroy()
  assert.ok(
    halves.every(({ answers }) => answers >= half),
    JSON.stringify(halves),
  )
  const audit = auditOf(service)
  assert.deepEqual([audit.length, audit.every((line) => line['decision'] === 'allowed')], [signed, true])
  assert.ok(statSync(join(service.home, 'logs', 'rejected.log')).size < 200_000)
  assert.ok(statSync(join(service.home, 'logs', 'larder.log')).size < 100_000)
  assert.ok((halves[1]?.bytes ?? 0) - (halves[0]?.bytes ?? 0) < 64 * 1024 * 1024, JSON.stringify(halves))
  await service.end()
  const rejected = readFileSync(join(service.home, 'logs', 'rejected.log'), 'utf8')
    .trim()
    .split('\n')
  const told = new Set(rejected.map((line) => (JSON.parse(line) as { errorCode?: string }).errorCode))
  for (const code of ['MissingAuthenticationToken', 'InvalidClientTokenId', 'SignatureDoesNotMatch'])
    assert.ok(told.has(code), code)
  const counted = rejected.map((line) => Number((JSON.parse(line) as { alsoRejected?: number }).alsoRejected ?? 1))
  assert.ok(counted.reduce((sum, count) => sum + count, 0) >= 2 * half, 'each is counted')
  await service.start()
})

/** A command of Larder that goes on, and what it has said. */
const following = (service: TestService, ...args: readonly string[]): { readonly child: ChildProcess; said(): string } => {
  const child = spawn(process.execPath, [main, ...args], { env: service.environment, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  return { child, said: () => said }
}

test('larder logs follows what an engine says over the change of its file, and shows the older ones', async () => {
  await using service = await startTestService()
  await create(service, 'talk', { NumCacheClusters: 1, AutomaticFailoverEnabled: false })
  const [node] = await service.nodes()
  assert.ok(node)
  const log = join(service.home, 'nodes', 'us-east-1', node.id, 'engine.log')
  const { child, said } = following(service, 'logs', node.id, '-f')
  try {
    await until('it shows what is there', () => said().includes('Ready to accept connections'))
    renameSync(log, `${log}.2`)
    writeFileSync(`${log}.1.gz`, gzipSync('the first words\n'))
    appendFileSync(`${log}.2`, 'written just before\n')
    writeFileSync(log, 'written just after\n', { mode: 0o600 })
    await until('it goes on', () => said().includes('written just after'))
    assert.ok(said().indexOf('written just before') < said().indexOf('written just after'))
    assert.equal(said().split('written just before').length, 2)
  } finally {
    child.kill('SIGTERM')
  }
  assert.match(service.larder('logs', node.id, '--all'), /^the first words\n.*Ready to accept.*before\nwritten just after\n/s)
  assert.match(service.larder('logs', node.id), /^written just after\n/)
})

test('a full log of the service is set aside, and one that an engine has filled within a look', async () => {
  await using service = await startTestService()
  await create(service, 'full', { NumCacheClusters: 1, AutomaticFailoverEnabled: false })
  await service.end()
  const logs = join(service.home, 'logs')
  appendFileSync(join(logs, 'larder.log'), `${'x'.repeat(16 * 1024 * 1024)}\n`)
  const [node] = await service.nodes()
  assert.ok(node)
  const folder = join(service.home, 'nodes', 'us-east-1', node.id)
  appendFileSync(join(folder, 'engine.log'), `${'y'.repeat(8 * 1024 * 1024)}\n`)
  await service.start()
  await until('both are compressed', () => {
    const names = [...readdirSync(logs), ...readdirSync(folder)]
    return names.includes('larder.log.1.gz') && names.includes('engine.log.1.gz') && !names.includes('engine.log.1')
  })
  assert.ok(statSync(join(logs, 'larder.log')).size < 1_000_000)
  assert.equal((await service.nodes())[0]?.pid, node.pid)
})
